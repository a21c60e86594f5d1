using Activate.Identity.Core.Errors;
using Activate.Identity.Server.Accounts;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc.RazorPages;

namespace Activate.Identity.Server.Applications;

/// <summary>The form of a new application; its answer holds the secret, once. With <c>?serverWide=true</c>, for operators, one for every organization.</summary>
[Authorize]
public sealed class AddApplicationPage(ApplicationRegistry registry, OneTimeForms forms, TimeProvider clock) : PageModel
{
    public ApplicationAccess Access { get; private set; } = null!;

    public ApplicationForm Form { get; private set; } = new() { IsNew = true, Type = "web" };

    /// <summary>The value of the hidden field <c>Form</c>.</summary>
    public string FormId { get; private set; } = "";

    public bool ServerWide { get; private set; }

    public RegisteredApplication? Registered { get; private set; }

    public bool SentBefore { get; private set; }

    public bool IsAllowed => ServerWide ? Access.IsOperator : Access.IsAdmin;

    public string SignInAgain => SignInPage.PathTo(ServerWide ? $"{Request.Path}?serverWide=true" : Request.Path, reauthenticate: true);

    public void OnGet(bool serverWide) => Read(serverWide);

    public async Task OnPostAsync(bool serverWide, CancellationToken cancellationToken)
    {
        Read(serverWide);
        if (!IsAllowed)
            return;
        var fields = await Request.ReadFormAsync(cancellationToken);
        Form = ApplicationForm.Sent(fields) with { IsNew = true };
        Problem? problem;
        if (Access.Refusal is { } refusal)
            problem = refusal;
        else if (forms.Read(fields["Form"], Access.Person.UserId) is not { } form)
            problem = OneTimeForms.OutOfDate;
        else if ((await registry.CreateAsync(Access.Person.ToActor(), serverWide ? null : Access.Person.OrganizationId, Form.ToDraft(isEmptyUsual: true), cancellationToken, form))
            .TryGet(out var registered, out problem))
            Registered = registered;
        if (problem is null)
            return;
        SentBefore = problem == OneTimeForms.Spent;
        Form = Form.After(problem);
        this.Show(problem);
    }

    private void Read(bool serverWide)
    {
        Access = ApplicationAccess.Of(HttpContext, clock);
        ServerWide = serverWide;
        FormId = forms.Issue(Access.Person.UserId);
        if (!IsAllowed)
            this.Show(serverWide ? ApplicationRegistry.OperatorRequired : new Problem(ProblemKind.Refused, "insufficient_role", "Only administrators of your organization register applications."));
    }
}
