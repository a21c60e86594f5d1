using Activate.Identity.Core.Errors;
using Activate.Identity.Data;
using Activate.Identity.Data.SshKeys;
using Activate.Identity.Server.Accounts;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.SshKeys;

/// <summary>Account → Authentication → SSH Keys. With <c>?delete=ID</c> the dialog that asks before one is deleted.</summary>
[Authorize]
public sealed class SshKeysPage(ActivateDbContext database, SshKeyRegistry registry, PendingCuts cuts, TimeProvider clock) : PageModel
{
    public const string Path = "/account/authentication/ssh-keys";

    // More than anybody may have.
    private const int MostShown = 500;

    public DateTime Now { get; } = clock.Now();

    public string Username { get; private set; } = "";

    public IReadOnlyList<SshKey> Keys { get; private set; } = [];

    public SshKey? ToDelete { get; private set; }

    /// <summary>What was just done.</summary>
    public string? Done { get; private set; }

    public async Task<IActionResult> OnGetAsync(Guid? delete, string? done, CancellationToken cancellationToken)
    {
        var me = SignedIn.Required(HttpContext);
        Username = me.Username;
        Keys = await cuts.ApplyAsync(me.OrganizationId,
            await SshKeysApi.Listed(me.UserId, database, Now).OrderByDescending(key => key.Id).Take(MostShown).ToListAsync(cancellationToken), cancellationToken);
        Done = done switch
        {
            "added" => "The key was added. You can now log in to any active cluster.",
            "deleted" => "The key was deleted. It opens no cluster any more.",
            _ => null,
        };
        if (delete is not { } id)
            return Page();
        ToDelete = Keys.FirstOrDefault(key => key.Id == id);
        // Deleted meanwhile, or somebody else's: there is nothing to ask.
        return ToDelete is null ? Redirect(Path) : Page();
    }

    public async Task<IActionResult> OnPostDeleteAsync(Guid id, CancellationToken cancellationToken)
    {
        var problem = await registry.DeleteAsync(SignedIn.Required(HttpContext).ToActor(), id, cancellationToken);
        // Deleting what is gone already is done, too.
        return problem is null || problem == Problems.NotFound ? this.SeeOther(problem is null ? $"{Path}?done=deleted" : Path) : throw new InvalidOperationException(problem.Code);
    }
}
