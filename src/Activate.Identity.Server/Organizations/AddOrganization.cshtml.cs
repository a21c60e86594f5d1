using Activate.Identity.Core.Errors;
using Activate.Identity.Server.Members;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;

namespace Activate.Identity.Server.Organizations;

/// <summary>The form of a new organization; its answer holds the link for its owner, once.</summary>
[Authorize]
public sealed class AddOrganizationPage(OrganizationRegistry organizations, OneTimeForms forms, TimeProvider clock) : PageModel
{
    public Administration Access { get; private set; } = null!;

    [BindProperty, FromForm]
    public string? Name { get; set; }

    [BindProperty, FromForm]
    public string? Slug { get; set; }

    [BindProperty, FromForm]
    public string? Username { get; set; }

    [BindProperty, FromForm]
    public string? Email { get; set; }

    /// <summary>The value of the hidden field <c>Form</c>.</summary>
    public string FormId { get; private set; } = "";

    public CreatedOrganization? Created { get; private set; }

    public bool SentBefore { get; private set; }

    public void OnGet() => Read();

    public async Task OnPostAsync(CancellationToken cancellationToken)
    {
        Read();
        if (!Access.Person.IsOperator)
            return;
        var fields = await Request.ReadFormAsync(cancellationToken);
        Problem? problem;
        if (Access.Refusal is { } refusal)
            problem = refusal;
        else if (forms.Read(fields["Form"], Access.Person.UserId) is not { } form)
            problem = OneTimeForms.OutOfDate;
        else if ((await organizations.CreateAsync(Access.Person.ToActor(), Name, Slug, new InvitationDraft(Username, Email, null), cancellationToken, form)).TryGet(out var created, out problem))
            Created = created;
        if (problem is null)
            return;
        SentBefore = problem == OneTimeForms.Spent;
        this.Show(problem, problem.Field?.StartsWith("owner.", StringComparison.Ordinal) == true ? (problem.Field == "owner.email" ? nameof(Email) : nameof(Username)) : null);
    }

    private void Read()
    {
        Access = Administration.Of(HttpContext, clock);
        FormId = forms.Issue(Access.Person.UserId);
        if (!Access.Person.IsOperator)
            this.Show(OrganizationRegistry.OperatorRequired);
    }
}
