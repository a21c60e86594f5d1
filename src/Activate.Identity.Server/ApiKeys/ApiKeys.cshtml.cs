using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Errors;
using Activate.Identity.Data;
using Activate.Identity.Data.ApiKeys;
using Activate.Identity.Data.Audit;
using Activate.Identity.Data.Tokens;
using Activate.Identity.Server.Accounts;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Leaks;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.ServiceAccounts;
using Activate.Identity.Server.Tokens;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.ApiKeys;

/// <summary>Account → Authentication → API Keys: the keys and generated tokens of a person. With <c>?delete=ID</c> the dialog that asks before one is deleted.</summary>
[Authorize]
public sealed class ApiKeysPage(ActivateDbContext database, ApiKeyIssuer keys, TokenIssuer tokens, ServiceAccountRegistry accounts, PendingCuts cuts, AuditTrail audit, TimeProvider clock) : PageModel
{
    public const string Path = "/account/authentication/api-keys";

    // More than anybody may have. What lives comes first, however many expired ones are still listed.
    private const int MostShown = 1000;

    public DateTime Now { get; } = clock.Now();

    public IReadOnlyList<ApiKey> Keys { get; private set; } = [];

    public IReadOnlyList<TokenGrant> Tokens { get; private set; } = [];

    /// <summary>What was reported as leaked in the last weeks, and ended.</summary>
    public IReadOnlyList<LeakNotice> Leaks { get; private set; } = [];

    /// <summary>The way to service accounts, for keepers who do not find it in the menu.</summary>
    public bool KeepsAccounts { get; private set; }

    public DeleteDialog? ToDelete { get; private set; }

    public Deleted? Deleted { get; private set; }

    public async Task<IActionResult> OnGetAsync(Guid? delete, Guid? deleted, CancellationToken cancellationToken)
    {
        await ReadAsync(cancellationToken);
        if (deleted is { } gone && await audit.JustDoneAsync(SignedIn.Required(HttpContext).ToActor(), gone, [AuditTypes.ApiKeyDeleted, AuditTypes.TokenDeleted], cancellationToken) is { Words.Text: var name } done)
            Deleted = new Deleted(done.Type == AuditTypes.ApiKeyDeleted ? "API key" : "token", name, "It works nowhere any more.");
        if (delete is not { } id)
            return Page();
        ToDelete = Keys.Where(key => key.Id == id)
                .Select(key => new DeleteDialog(id, "API key", key.Name, $"Every script and tool that uses the key ending in “{key.Last4}” is refused from that moment on. It cannot be undone.",
                    new Moment(key.LastUsedAt, Now), key.LastUsedFrom, Path, "DeleteKey", "Delete API Key"))
                .FirstOrDefault()
            ?? Tokens.Where(token => token.Id == id)
                .Select(token => new DeleteDialog(id, "token", token.Name, $"Whatever uses the token ending in “{token.Last4}” is refused from that moment on. It cannot be undone.",
                    new Moment(token.LastUsedAt, Now), token.LastUsedFrom, Path, "DeleteToken", "Delete Token"))
                .FirstOrDefault();
        // Deleted meanwhile, or somebody else's: there is nothing to ask.
        return ToDelete is null ? Redirect(Path) : Page();
    }

    public async Task<IActionResult> OnPostDeleteKeyAsync(Guid id, CancellationToken cancellationToken) =>
        Answer(await keys.DeleteAsync(SignedIn.Required(HttpContext).ToActor(), id, cancellationToken), id);

    public async Task<IActionResult> OnPostDeleteTokenAsync(Guid id, CancellationToken cancellationToken) =>
        Answer(await tokens.EndAsync(SignedIn.Required(HttpContext).ToActor(), CredentialKind.Token, id, cancellationToken), id);

    /// <summary>Deleting what is gone already is done, too.</summary>
    private IActionResult Answer(Problem? problem, Guid id) =>
        problem is null || problem == Problems.NotFound ? this.SeeOther(problem is null ? $"{Path}?deleted={id}" : Path) : throw new InvalidOperationException(problem.Code);

    private async Task ReadAsync(CancellationToken cancellationToken)
    {
        var me = SignedIn.Required(HttpContext);
        Leaks = await LeakedCredentials.NoticesAsync(database, me.UserId, Now, cancellationToken);
        KeepsAccounts = await accounts.KeepsAnyAsync(me.UserId, cancellationToken);
        Keys = await cuts.ApplyAsync(me.OrganizationId,
            await ApiKeysApi.Listed(me.UserId, database, Now)
                .OrderByDescending(key => key.ExpiresAt == null || key.ExpiresAt > Now).ThenByDescending(key => key.Id).Take(MostShown).ToListAsync(cancellationToken), cancellationToken);
        Tokens = await cuts.ApplyAsync(me.OrganizationId,
            await TokensApi.Listed(CredentialKind.Token, me.UserId, database, Now)
                .OrderByDescending(token => token.ExpiresAt > Now).ThenByDescending(token => token.Id).Take(MostShown).ToListAsync(cancellationToken), cancellationToken);
    }
}
