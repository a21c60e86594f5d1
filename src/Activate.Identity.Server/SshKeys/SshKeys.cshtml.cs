using Activate.Identity.Core.Errors;
using Activate.Identity.Data;
using Activate.Identity.Data.Audit;
using Activate.Identity.Data.SshKeys;
using Activate.Identity.Server.Accounts;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.SshKeys;

/// <summary>Account → Authentication → SSH Keys. With <c>?delete=ID</c> the dialog that asks before one is deleted.</summary>
[Authorize]
public sealed class SshKeysPage(ActivateDbContext database, SshKeyRegistry registry, PendingCuts cuts, AuditTrail audit, TimeProvider clock) : PageModel
{
    public const string Path = "/account/authentication/ssh-keys";

    // More than anybody may have.
    private const int MostShown = 500;

    public DateTime Now { get; } = clock.Now();

    public string Username { get; private set; } = "";

    public IReadOnlyList<SshKey> Keys { get; private set; } = [];

    public DeleteDialog? ToDelete { get; private set; }

    public Deleted? Deleted { get; private set; }

    public bool Added { get; private set; }

    public async Task<IActionResult> OnGetAsync(Guid? delete, Guid? deleted, Guid? added, CancellationToken cancellationToken)
    {
        var me = SignedIn.Required(HttpContext);
        Username = me.Username;
        Keys = await cuts.ApplyAsync(me.OrganizationId,
            await SshKeysApi.Listed(me.UserId, database, Now).OrderByDescending(key => key.Id).Take(MostShown).ToListAsync(cancellationToken), cancellationToken);
        Added = added is { } fresh && Keys.Any(key => key.Id == fresh) && await audit.JustDoneAsync(me.ToActor(), fresh, [AuditTypes.SshKeyAdded], cancellationToken) is not null;
        if (deleted is { } gone && await audit.JustDoneAsync(me.ToActor(), gone, [AuditTypes.SshKeyDeleted], cancellationToken) is { Words.Text: var name })
            Deleted = new Deleted("SSH key", name, "It opens no cluster any more.");
        if (delete is not { } id)
            return Page();
        ToDelete = Keys.Where(key => key.Id == id)
            .Select(key => new DeleteDialog(id, "SSH key", key.Name,
                "No cluster lets anybody in with it from the next login on; sessions that are open stay open. You can add the key again, but its time goes on counting from when you first added it.",
                new Moment(key.LastUsedAt, Now, "not known"), key.LastUsedFrom, Path, "Delete", "Delete SSH Key"))
            .FirstOrDefault();
        // Deleted meanwhile, or somebody else's: there is nothing to ask.
        return ToDelete is null ? Redirect(Path) : Page();
    }

    public async Task<IActionResult> OnPostDeleteAsync(Guid id, CancellationToken cancellationToken)
    {
        var problem = await registry.DeleteAsync(SignedIn.Required(HttpContext).ToActor(), id, cancellationToken);
        // Deleting what is gone already is done, too.
        return problem is null || problem == Problems.NotFound ? this.SeeOther(problem is null ? $"{Path}?deleted={id}" : Path) : throw new InvalidOperationException(problem.Code);
    }
}
