using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Errors;
using Activate.Identity.Data.Audit;
using Activate.Identity.Data.Tokens;
using Activate.Identity.Server.Accounts;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Tokens;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;

namespace Activate.Identity.Server.Applications;

/// <summary>Account → Connected apps: applications and device logins, with their last use, and the end of each. With <c>?delete=ID</c> the dialog that asks first.</summary>
[Authorize]
public sealed class ConnectedAppsPage(ConnectedApplications connected, TokenIssuer tokens, AuditTrail audit, TimeProvider clock) : PageModel
{
    public const string Path = "/account/connected-apps";

    public DateTime Now { get; } = clock.Now();

    public IReadOnlyList<ConnectedApplication> Applications { get; private set; } = [];

    public IReadOnlyList<TokenGrant> DeviceLogins { get; private set; } = [];

    public DeleteDialog? ToDelete { get; private set; }

    public Deleted? Deleted { get; private set; }

    public async Task<IActionResult> OnGetAsync(Guid? delete, Guid? deleted, CancellationToken cancellationToken)
    {
        var me = SignedIn.Required(HttpContext);
        (Applications, DeviceLogins) = await connected.ListAsync(me.UserId, me.OrganizationId, cancellationToken);
        if (deleted is { } gone && await audit.JustDoneAsync(me.ToActor(), gone, [AuditTypes.ApplicationDisconnected, AuditTypes.SessionEnded], cancellationToken) is { } done && (done.Words?.Text ?? done.Detail) is { } name)
        {
            Deleted = done.Type == AuditTypes.ApplicationDisconnected
                ? new Deleted("application", name, "Everything it had of you has ended. It must ask you again.") { Verb = "disconnected" }
                : new Deleted("device login", name, "Its token works nowhere any more.") { Verb = "ended" };
        }

        if (delete is not { } id)
            return Page();
        ToDelete = Applications.Where(application => application.Id == id)
                .Select(application => new DeleteDialog(id, "application", application.Name,
                    "All its access to your account ends at once, on every device where you use it, and it must ask you again. Your data in it is not deleted.",
                    new Moment(application.LastUsedAt, Now), null, Path, "Disconnect", "Disconnect") { Verb = "Disconnect" })
                .FirstOrDefault()
            ?? DeviceLogins.Where(login => login.Id == id)
                .Select(login => new DeleteDialog(id, "device login", login.Name, "Whatever runs there under this login is refused from that moment on. Sign in again with actid auth login.",
                    new Moment(login.LastUsedAt, Now), login.LastUsedFrom, Path, "EndLogin", "End Login") { Verb = "End" })
                .FirstOrDefault();
        return ToDelete is null ? Redirect(Path) : Page();
    }

    public async Task<IActionResult> OnPostDisconnectAsync(Guid id, CancellationToken cancellationToken) =>
        Answer(await connected.DisconnectAsync(SignedIn.Required(HttpContext).ToActor(), id, cancellationToken), id);

    public async Task<IActionResult> OnPostEndLoginAsync(Guid id, CancellationToken cancellationToken) =>
        Answer(await tokens.EndAsync(SignedIn.Required(HttpContext).ToActor(), CredentialKind.Session, id, cancellationToken), id);

    /// <summary>Ending what is gone already is done, too.</summary>
    private IActionResult Answer(Problem? problem, Guid id) =>
        problem is null || problem == Problems.NotFound ? this.SeeOther(problem is null ? $"{Path}?deleted={id}" : Path) : throw new InvalidOperationException(problem.Code);
}
