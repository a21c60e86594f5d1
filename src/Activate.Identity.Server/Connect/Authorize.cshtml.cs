using System.Security.Claims;
using Activate.Identity.Core;
using Activate.Identity.Core.Expiration;
using Activate.Identity.Data;
using Activate.Identity.Data.Applications;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Accounts;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;
using Microsoft.EntityFrameworkCore;
using Microsoft.IdentityModel.Tokens;
using OpenIddict.Abstractions;
using OpenIddict.Server.AspNetCore;
using static OpenIddict.Abstractions.OpenIddictConstants;
using Scopes = Activate.Identity.Core.Scopes;

namespace Activate.Identity.Server.Connect;

/// <summary>
/// <c>/connect/authorize</c>: OpenIddict has checked the request; here the person signs in, sees who asks for what, and allows or denies it. An
/// authorization request may come as a form from another site; a decision must carry our antiforgery token.
/// </summary>
[IgnoreAntiforgeryToken]
public sealed class AuthorizePage(ActivateDbContext database, PolicyReader policies, AuditTrail audit, IAntiforgery antiforgery, TimeProvider clock) : PageModel
{
    public SignedIn Person { get; private set; } = null!;

    public Application Client { get; private set; } = null!;

    /// <summary>What it would get: asked for and allowed to the person's role.</summary>
    public IReadOnlyList<string> Granted { get; private set; } = [];

    public string RedirectHost { get; private set; } = "";

    /// <summary>The request's parameters, carried through the form.</summary>
    public IEnumerable<KeyValuePair<string, string>> Parameters { get; private set; } = [];

    public Task<IActionResult> OnGetAsync(CancellationToken cancellationToken) => AskAsync(cancellationToken);

    public async Task<IActionResult> OnPostAsync([FromForm] string? decision, CancellationToken cancellationToken)
    {
        if (decision is null)
            return await AskAsync(cancellationToken);
        if (!await antiforgery.IsRequestValidAsync(HttpContext))
            return BadRequest();
        if (await PrepareAsync(cancellationToken) is { } answer)
            return answer;
        var allowed = decision == "allow";
        audit.Add(allowed ? AuditTypes.ApplicationAllowed : AuditTypes.ApplicationDenied, Person.ToActor(), Client.Id, Client.ClientId, Client.DisplayName);
        await database.SaveChangesAsync(cancellationToken);
        if (!allowed)
            return Refuse(Errors.AccessDenied, "The user refused.");
        var identity = new ClaimsIdentity("person", Claims.Name, Claims.Role);
        identity.SetClaim(Claims.Subject, Person.UserId.ToString())
            .SetClaim(Claims.AuthenticationTime, EpochTime.GetIntDate(Person.AuthenticatedAt));
        return SignIn(new ClaimsPrincipal(identity).SetScopes(Granted), OpenIddictServerAspNetCoreDefaults.AuthenticationScheme);
    }

    private async Task<IActionResult> AskAsync(CancellationToken cancellationToken)
    {
        if (await PrepareAsync(cancellationToken) is { } answer)
            return answer;
        if (Request().HasPromptValue(PromptValues.None))
            return Refuse(Errors.ConsentRequired, "The user has to be asked.");
        var redirect = new Uri(Request().RedirectUri!);
        RedirectHost = redirect.Authority.Length > 0 ? redirect.Authority : redirect.Scheme;
        // Not what would stand beside the form's own fields, and make the request ambiguous.
        Parameters = [.. Request().GetParameters().Where(parameter => parameter.Key is not ("decision" or "__RequestVerificationToken")).Select(parameter => KeyValuePair.Create(parameter.Key, (string?)parameter.Value ?? ""))];
        // The answer to the form is a redirect to the application, which browsers hold against form-action as well.
        SecurityHeaders.AllowFormTo(HttpContext, OriginOf(redirect));
        return Page();
    }

    /// <summary>Who is signed in, which application, which scopes; or the answer when the person has to sign in or may not go on.</summary>
    private async Task<IActionResult?> PrepareAsync(CancellationToken cancellationToken)
    {
        var request = Request();
        if (SignedIn.From(HttpContext) is not { } person)
            return request.HasPromptValue(PromptValues.None) ? Refuse(Errors.LoginRequired, "Nobody is signed in.") : SignInFirst(request, fresh: false);
        Person = person;
        Client = await database.Applications.AsNoTracking().SingleAsync(a => a.ClientId == request.ClientId, cancellationToken);
        if (person.LockedOut || Client.Suspended || (Client.OrganizationId is { } owner && owner != person.OrganizationId))
            return Refuse(Errors.AccessDenied, "The user may not use this application now.");
        if ((await policies.ReadAsync(person.OrganizationId, cancellationToken)).Effective.Applications.Allowed == AllowedApplications.None)
            return Refuse(Errors.AccessDenied, "The user's organization allows no applications.");
        Granted = [.. Scopes.AllowedTo(person.Role, request.GetScopes())];
        // Another account is chosen by signing in to it.
        var stale = request.HasPromptValue(PromptValues.Login) || request.HasPromptValue(PromptValues.SelectAccount)
            || (request.MaxAge is { } seconds && person.AuthenticatedAt <= clock.Now().AddSeconds(-seconds))
            || (Granted.Any(Scopes.Sensitive.Contains) && person.AuthenticatedAt <= clock.Now() - ScopeRequest.RecentSignIn);
        if (!stale)
            return null;
        return request.HasPromptValue(PromptValues.None) ? Refuse(Errors.LoginRequired, "The sign-in is too old for this request.") : SignInFirst(request, fresh: true);
    }

    /// <summary>As form-action wants it: an origin, or the scheme of a native application.</summary>
    internal static string OriginOf(Uri redirect) => redirect.Authority.Length > 0 ? redirect.GetLeftPart(UriPartial.Authority) : $"{redirect.Scheme}:";

    private RedirectResult SignInFirst(OpenIddictRequest request, bool fresh)
    {
        // prompt=login and max_age=0 are met by the sign-in that follows, and would ask for it again and again. An application that insists looks at auth_time.
        var query = QueryString.Create(request.GetParameters()
            .Where(parameter => parameter.Key is not ("decision" or "__RequestVerificationToken"))
            .Where(parameter => !fresh || parameter.Key is not (OpenIddictConstants.Parameters.Prompt or OpenIddictConstants.Parameters.MaxAge))
            .Select(parameter => KeyValuePair.Create(parameter.Key, (string?)parameter.Value)));
        return Redirect($"/sign-in?{(fresh ? "reauthenticate=1&" : "")}returnUrl={Uri.EscapeDataString($"/connect/authorize{query}")}");
    }

    private ForbidResult Refuse(string error, string description) => Forbid(
        new AuthenticationProperties(new Dictionary<string, string?>
        {
            [OpenIddictServerAspNetCoreConstants.Properties.Error] = error,
            [OpenIddictServerAspNetCoreConstants.Properties.ErrorDescription] = description,
        }),
        OpenIddictServerAspNetCoreDefaults.AuthenticationScheme);

    private new OpenIddictRequest Request() => HttpContext.GetOpenIddictServerRequest() ?? throw new InvalidOperationException("Not an authorization request.");
}
