using Activate.Identity.Core.Credentials;
using Activate.Identity.Data;
using Activate.Identity.Server.Inventory;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc.RazorPages;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Accounts;

/// <summary>Account → Authentication: what there is, and what of it ends soon.</summary>
[Authorize]
public sealed class AuthenticationPage(ActivateDbContext database, EndingSoon ending, TimeProvider clock) : PageModel
{
    public const string Path = "/account/authentication";

    public int ApiKeys { get; private set; }

    public int Tokens { get; private set; }

    public int SshKeys { get; private set; }

    public EndingList Ending { get; private set; } = null!;

    public async Task OnGetAsync(CancellationToken cancellationToken)
    {
        var me = SignedIn.Required(HttpContext);
        var now = clock.Now();
        ApiKeys = await database.ApiKeys.CountAsync(key => key.OwnerId == me.UserId && (key.ExpiresAt == null || key.ExpiresAt > now), cancellationToken);
        Tokens = await database.TokenGrants.CountAsync(grant => grant.OwnerId == me.UserId && grant.Kind == CredentialKind.Token && grant.ExpiresAt > now, cancellationToken);
        SshKeys = await database.SshKeys.CountAsync(key => key.OwnerId == me.UserId && (key.ExpiresAt == null || key.ExpiresAt > now), cancellationToken);
        Ending = await ending.OfPersonAsync(me, cancellationToken);
    }
}
