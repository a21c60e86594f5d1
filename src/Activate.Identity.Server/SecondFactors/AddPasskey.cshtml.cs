using Activate.Identity.Server.Accounts;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;

namespace Activate.Identity.Server.SecondFactors;

/// <summary>Takes a passkey into the account of somebody who signed in a moment ago.</summary>
[Authorize, RecentSignIn(Minutes = 10)]
public sealed class AddPasskeyPage(SecondFactorRegistry factors, PasskeyCeremonies passkeys) : NewFactorPage(factors)
{
    [BindProperty, FromForm]
    public string? Name { get; set; }

    public PasskeyChallenge Asked { get; private set; } = null!;

    public Task OnGetAsync()
    {
        Name = UserAgentWords.Of(Request.Headers.UserAgent);
        return AskAsync();
    }

    public async Task<IActionResult> OnPostAddAsync([FromForm] string? ticket, [FromForm] string? credential, CancellationToken cancellationToken)
    {
        if (await AddAsync(await passkeys.ProveAsync(HttpContext, ticket, credential, Name, Me.UserId, cancellationToken), cancellationToken) is { } done)
            return done;
        await AskAsync();
        return Page();
    }

    private async Task AskAsync() => Asked = await passkeys.ForNewAsync(HttpContext, Me.UserId, Me.Username, Me.DisplayName);
}
