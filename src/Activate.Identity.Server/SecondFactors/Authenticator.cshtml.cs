using Activate.Identity.Server.Accounts;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;

namespace Activate.Identity.Server.SecondFactors;

/// <summary>Takes an authenticator app into the account of somebody who signed in a moment ago.</summary>
[Authorize, RecentSignIn(Minutes = 10)]
public sealed class AuthenticatorPage(SecondFactorRegistry factors, TotpAuthenticator totp) : NewFactorPage(factors)
{
    public TotpSetup Setup { get; private set; } = null!;

    public void OnGet() => Setup = totp.NewSetup(Me.UserId, Me.Username);

    public async Task<IActionResult> OnPostAppAsync([FromForm] string? ticket, [FromForm] string? code, CancellationToken cancellationToken)
    {
        if (await AddAsync(totp.Prove(ticket, code, Me.UserId), cancellationToken) is { } done)
            return done;
        Setup = totp.SameSetup(ticket, Me.UserId, Me.Username);
        return Page();
    }
}
