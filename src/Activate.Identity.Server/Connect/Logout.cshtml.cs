using System.Security.Claims;
using Activate.Identity.Data;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Accounts;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;
using OpenIddict.Abstractions;
using OpenIddict.Server.AspNetCore;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace Activate.Identity.Server.Connect;

/// <summary>
/// <c>/connect/logout</c> (OpenID Connect RP-Initiated Logout): OpenIddict has checked address and ID token. An application that proves by an ID token whom it signed
/// in may sign that person out; anybody else, such as an image on another site, gets a page that asks.
/// </summary>
[IgnoreAntiforgeryToken]
public sealed class LogoutPage(ActivateDbContext database, BrowserSessionIssuer sessions, AuditTrail audit, IAntiforgery antiforgery) : PageModel
{
    public string Username { get; private set; } = "";

    /// <summary>Nobody is signed in any more, and there is no application to go back to.</summary>
    public bool Done { get; private set; }

    /// <summary>The request's parameters, carried through the form.</summary>
    public IEnumerable<KeyValuePair<string, string?>> Parameters { get; private set; } = [];

    public Task<IActionResult> OnGetAsync(CancellationToken cancellationToken) => AnswerAsync(confirmed: false, cancellationToken);

    public async Task<IActionResult> OnPostAsync([FromForm] string? decision, CancellationToken cancellationToken)
    {
        if (decision is not null && !await antiforgery.IsRequestValidAsync(HttpContext))
            return BadRequest();
        return decision == "stay" ? Redirect(LocalAddress.Start) : await AnswerAsync(confirmed: decision == "sign-out", cancellationToken);
    }

    private async Task<IActionResult> AnswerAsync(bool confirmed, CancellationToken cancellationToken)
    {
        var request = HttpContext.GetOpenIddictServerRequest() ?? throw new InvalidOperationException("Not a logout request.");
        if (SignedIn.From(HttpContext) is { } person)
        {
            var hint = (await HttpContext.AuthenticateAsync(OpenIddictServerAspNetCoreDefaults.AuthenticationScheme)).Principal?.GetClaim(Claims.Subject);
            if (!confirmed && hint != person.UserId.ToString())
            {
                Username = person.Username;
                Parameters = [.. request.GetParameters().Where(parameter => parameter.Key is not ("decision" or "__RequestVerificationToken"))
                    .Select(parameter => KeyValuePair.Create(parameter.Key, (string?)parameter.Value))];
                if (Uri.TryCreate(request.PostLogoutRedirectUri, UriKind.Absolute, out var back))
                    SecurityHeaders.AllowFormTo(HttpContext, AuthorizePage.OriginOf(back));
                return Page();
            }

            await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
            await sessions.EndAsync(HttpContext, cancellationToken);
            audit.Add(AuditTypes.SignedOut, person.ToActor(), person.UserId, request.ClientId);
            await database.SaveChangesAsync(cancellationToken);
            await transaction.CommitAsync(cancellationToken);
            // The page that says so is nobody's any more: no menu of the person above it.
            HttpContext.User = new ClaimsPrincipal();
        }

        if (!string.IsNullOrEmpty(request.PostLogoutRedirectUri))
            return SignOut(OpenIddictServerAspNetCoreDefaults.AuthenticationScheme);
        Done = true;
        return Page();
    }
}
