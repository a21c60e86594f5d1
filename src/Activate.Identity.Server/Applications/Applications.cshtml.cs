using Activate.Identity.Core.Errors;
using Activate.Identity.Data;
using Activate.Identity.Data.Applications;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Accounts;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Connect;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Applications;

/// <summary>The applications of the organization, and for operators the server-wide ones. With <c>?delete=ID</c> the dialog that asks before one is deleted.</summary>
[Authorize]
public sealed class ApplicationsPage(ActivateDbContext database, ApplicationRegistry registry, AuditTrail audit, TimeProvider clock) : PageModel
{
    public const string Path = "/organization/applications";

    public ApplicationAccess Access { get; private set; } = null!;

    public IReadOnlyList<Application> Own { get; private set; } = [];

    public IReadOnlyList<Application> ServerWide { get; private set; } = [];

    public DeleteDialog? ToDelete { get; private set; }

    public Deleted? Deleted { get; private set; }

    public string SignInAgain => SignInPage.PathTo(Path, reauthenticate: true);

    public async Task<IActionResult> OnGetAsync(Guid? delete, Guid? deleted, CancellationToken cancellationToken)
    {
        await ReadAsync(cancellationToken);
        if (deleted is { } gone && await audit.JustDoneAsync(Access.Person.ToActor(), gone, [AuditTypes.ApplicationDeleted], cancellationToken) is { Detail: { } name })
            Deleted = new Deleted("application", name, "What it got works nowhere any more.");
        if (delete is not { } id)
            return Page();
        ToDelete = Own.Concat(ServerWide).Where(application => application.Id == id && application.ClientId != BuiltInApplications.Cli)
            .Select(application => new DeleteDialog(id, "application", application.DisplayName ?? "",
                "Everybody who is signed in to it is signed out of it at once, and nobody can sign in to it again. It cannot be undone; suspending it can.",
                new Moment(null, Access.Now, "not known"), null, Path, "Delete", "Delete Application"))
            .FirstOrDefault();
        // Deleted meanwhile, or somebody else's: there is nothing to ask.
        return ToDelete is null ? Redirect(Path) : Page();
    }

    public async Task<IActionResult> OnPostDeleteAsync(Guid id, CancellationToken cancellationToken)
    {
        await ReadAsync(cancellationToken);
        // What is gone already is deleted, too.
        if (Own.Concat(ServerWide).FirstOrDefault(known => known.Id == id) is not { } application)
            return this.SeeOther(Path);
        if ((Access.Refusal ?? await registry.DeleteAsync(Access.Person.ToActor(), application.OrganizationId, id, cancellationToken)) is not { } problem || problem == Problems.NotFound)
            return this.SeeOther($"{Path}?deleted={id}");
        this.Show(problem, "");
        return Page();
    }

    private async Task ReadAsync(CancellationToken cancellationToken)
    {
        Access = ApplicationAccess.Of(HttpContext, clock);
        if (!Access.SeesAny)
            Response.StatusCode = StatusCodes.Status403Forbidden;
        var all = await Access.Among(database.Applications.AsNoTracking()).OrderByDescending(application => application.Id).Take(2 * ApplicationRegistry.Most).ToListAsync(cancellationToken);
        Own = [.. all.Where(application => application.OrganizationId is not null)];
        ServerWide = [.. all.Where(application => application.OrganizationId is null)];
    }
}
