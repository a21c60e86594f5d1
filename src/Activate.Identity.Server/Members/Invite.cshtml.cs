using Activate.Identity.Core.Errors;
using Activate.Identity.Core.Members;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;

namespace Activate.Identity.Server.Members;

/// <summary>The form that invites somebody; its answer holds the link, once.</summary>
[Authorize]
public sealed class InvitePage(InvitationIssuer invitations, OneTimeForms forms, TimeProvider clock) : PageModel
{
    public Administration Access { get; private set; } = null!;

    [BindProperty, FromForm]
    public string? Username { get; set; }

    [BindProperty, FromForm]
    public string? Email { get; set; }

    [BindProperty, FromForm]
    public string? Role { get; set; }

    /// <summary>The value of the hidden field <c>Form</c>.</summary>
    public string FormId { get; private set; } = "";

    public Invited? Invited { get; private set; }

    public bool SentBefore { get; private set; }

    public void OnGet() => Read();

    public async Task OnPostAsync(CancellationToken cancellationToken)
    {
        Read();
        if (!Access.IsAdmin)
            return;
        var fields = await Request.ReadFormAsync(cancellationToken);
        Problem? problem;
        if (Access.Refusal is { } refusal)
            problem = refusal;
        else if (forms.Read(fields["Form"], Access.Person.UserId) is not { } form)
            problem = OneTimeForms.OutOfDate;
        else if ((await invitations.InviteAsync(Access.Person.ToActor(), new InvitationDraft(Username, Email, Role), cancellationToken, form)).TryGet(out var invited, out problem))
            Invited = invited;
        if (problem is null)
            return;
        SentBefore = problem == OneTimeForms.Spent;
        this.Show(problem, problem.Field == "role" ? "" : null);
    }

    private void Read()
    {
        Access = Administration.Of(HttpContext, clock);
        FormId = forms.Issue(Access.Person.UserId);
        if (!Access.IsAdmin)
            this.Show(MemberRules.AdminRequired);
    }
}
