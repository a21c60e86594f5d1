using System.Security.Claims;
using Activate.Identity.Core;
using Activate.Identity.Core.Applications;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Expiration;
using Activate.Identity.Data;
using Activate.Identity.Data.Applications;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Accounts;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Mail;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;
using Microsoft.EntityFrameworkCore;
using OpenIddict.Abstractions;
using OpenIddict.Server.AspNetCore;
using static OpenIddict.Abstractions.OpenIddictConstants;
using Scopes = Activate.Identity.Core.Scopes;

namespace Activate.Identity.Server.Connect;

/// <summary>
/// <c>/connect/authorize</c>: OpenIddict has checked the request; here the person signs in, sees who asks for what, and allows or denies it. What was allowed is
/// remembered, and asked again when the application asks for more. An authorization request may come as a form from another site; a decision must carry our
/// antiforgery token.
/// </summary>
[IgnoreAntiforgeryToken]
internal sealed class AuthorizePage(
    ActivateDbContext database, PolicyReader policies, Resources resources, PushedRequests pushed, AuditTrail audit, MailOutbox outbox, Letters letters, IAntiforgery antiforgery, TimeProvider clock) : PageModel
{
    /// <summary>What a form of ours adds to the request.</summary>
    private static readonly string[] s_ours = ["decision", "__RequestVerificationToken"];

    private string _claims = "";
    private Consent? _consent;

    /// <summary>How long the command line wants to stay signed in.</summary>
    private int? _hours;

    public SignedIn Person { get; private set; } = null!;

    public Application Client { get; private set; } = null!;

    /// <summary>The organization that registered the application; null: this server's operators did.</summary>
    public string? ClientOrganization { get; private set; }

    /// <summary>What it would get: asked for and allowed to the person's role.</summary>
    public IReadOnlyList<string> Granted { get; private set; } = [];

    /// <summary>What is shown: the scopes, and those whose claims are asked for one by one.</summary>
    public IEnumerable<string> Shown => Granted.Union(Scopes.Split(_claims).Select(ScopeOf));

    /// <summary>Scopes that were allowed before, when it asks for more now.</summary>
    public IReadOnlyList<string> AllowedBefore => _consent is null ? [] : Scopes.Split(_consent.Scopes);

    /// <summary>The resource servers it asks tokens for, beside this server: audience and name.</summary>
    public IReadOnlyDictionary<string, string> Reached { get; private set; } = new Dictionary<string, string>();

    public string RedirectHost { get; private set; } = "";

    /// <summary>It runs on the person's own machine, where anybody can ask in its name (RFC 8252 §8.6): the page warns.</summary>
    public bool OnThisMachine => Client.Kind == ApplicationKind.Native;

    /// <summary>What the command line calls the machine that it runs on.</summary>
    public string? DeviceName { get; private set; }

    /// <summary>How long the application stays connected, in words.</summary>
    public string Lifetime { get; private set; } = "";

    /// <summary>The request's parameters, carried through the form.</summary>
    public IEnumerable<KeyValuePair<string, string?>> Parameters { get; private set; } = [];

    public Task<IActionResult> OnGetAsync(CancellationToken cancellationToken) => AskAsync(cancellationToken);

    public async Task<IActionResult> OnPostAsync([FromForm] string? decision, CancellationToken cancellationToken)
    {
        if (decision is null)
            return await AskAsync(cancellationToken);
        if (!await antiforgery.IsRequestValidAsync(HttpContext))
            return BadRequest();
        if (await PrepareAsync(cancellationToken) is { } answer)
            return answer;
        if (decision == "allow")
            return await AllowAsync(asked: true, cancellationToken);
        audit.Add(AuditTypes.ApplicationDenied, Person.ToActor(), Client.Id, Client.ClientId, Client.DisplayName);
        await database.SaveChangesAsync(cancellationToken);
        return await RefuseAsync(Errors.AccessDenied, "The user refused.", cancellationToken);
    }

    private async Task<IActionResult> AskAsync(CancellationToken cancellationToken)
    {
        if (await PrepareAsync(cancellationToken) is { } answer)
            return answer;
        if (IsRemembered())
            return await AllowAsync(asked: false, cancellationToken);
        if (AuthorizationRequest().HasPromptValue(PromptValues.None))
            return await RefuseAsync(Errors.ConsentRequired, "The user has to be asked.", cancellationToken);
        var redirect = new Uri(AuthorizationRequest().RedirectUri!);
        RedirectHost = redirect.Authority.Length > 0 ? redirect.Authority : redirect.Scheme;
        ClientOrganization = await database.Organizations.Where(o => o.Id == Client.OrganizationId).Select(o => o.Name).SingleOrDefaultAsync(cancellationToken);
        Parameters = Carried();
        // The answer to the form is a redirect to the application, which browsers hold against form-action as well.
        SecurityHeaders.AllowFormTo(HttpContext, OriginOf(redirect));
        return Page();
    }

    /// <summary>Who is signed in, which application, which scopes; or the answer when the person has to sign in or may not go on.</summary>
    private async Task<IActionResult?> PrepareAsync(CancellationToken cancellationToken)
    {
        var request = AuthorizationRequest();
        if (!OwnerClaims.ParseRequested(request.GetParameter(OpenIddictConstants.Parameters.Claims)?.ToString()).TryGet(out var claims, out var problem))
            return await RefuseAsync(problem.Code, problem.Detail, cancellationToken);
        _claims = claims;
        if (SignedIn.From(HttpContext) is not { } person)
            return await SignInFirstAsync(fresh: false, "Nobody is signed in.", cancellationToken);
        Person = person;
        Client = await database.Applications.AsNoTracking().SingleAsync(a => a.ClientId == request.ClientId, cancellationToken);
        // A claim that it may not have is not told, as one that there is not (OpenID Connect Core §5.5).
        _claims = Scopes.Join(Scopes.Split(_claims).Where(claim => Client.MayAskFor(ScopeOf(claim))));
        if (person.LockedOut || Client.Suspended || (Client.OrganizationId is { } owner && owner != person.OrganizationId))
            return await RefuseAsync(Errors.AccessDenied, "The user may not use this application now.", cancellationToken);
        var policy = await policies.ReadAsync(person.OrganizationId, cancellationToken);
        if ((Client.ClientId == BuiltInApplications.Cli && !policy.Effective.DeviceLogin) || BuiltInApplications.IsBarred(policy.Effective, Client))
            return await RefuseAsync(Errors.AccessDenied, "The user's organization allows no applications.", cancellationToken);
        if (await resources.NamesAsync(Resources.Of(request), person.OrganizationId, cancellationToken) is not { } reached)
            return await RefuseAsync(Errors.InvalidTarget, "A resource is unknown here.", cancellationToken);
        Reached = reached;
        // An application that knows somebody else wants that person back; and one whose hint proves nobody gets nobody without asking.
        var known = (await HttpContext.AuthenticateAsync(OpenIddictServerAspNetCoreDefaults.AuthenticationScheme)).Principal?.GetClaim(Claims.Subject);
        if (known is null ? !string.IsNullOrEmpty(request.IdTokenHint) && request.HasPromptValue(PromptValues.None) : known != person.UserId.ToString())
            return await SignInFirstAsync(fresh: true, "Another user is signed in.", cancellationToken);
        Granted = [.. Scopes.AllowedTo(person.Role, request.GetScopes())];
        if (Client.ClientId == BuiltInApplications.Cli)
        {
            if (!DeviceHandlers.WishesOf(request).TryGet(out var wishes, out var misfit))
                return await RefuseAsync(misfit.Code, misfit.Detail, cancellationToken);
            (_hours, DeviceName) = (wishes.Hours, wishes.Name);
        }

        Lifetime = Describe(policy.Effective);
        // Another account is chosen by signing in to it.
        var now = clock.Now();
        var since = HttpContext.Features.Get<PushedRequest>()?.ExpiresAt - PushedRequests.Lifetime;
        var stale = ((request.HasPromptValue(PromptValues.Login) || request.HasPromptValue(PromptValues.SelectAccount)) && !(person.AuthenticatedAt >= since))
            || (request.MaxAge is { } seconds && person.AuthenticatedAt <= now.AddSeconds(-seconds) && !(person.AuthenticatedAt >= since))
            || (Granted.Any(Scopes.Sensitive.Contains) && person.AuthenticatedAt <= now - ScopeRequest.RecentSignIn);
        if (stale)
            return await SignInFirstAsync(fresh: true, "The sign-in is too old for this request.", cancellationToken);
        _consent = await database.Consents.AsNoTracking().SingleOrDefaultAsync(c => c.UserId == person.UserId && c.ApplicationId == Client.Id, cancellationToken);
        return null;
    }

    /// <summary>
    /// Whether the person allowed all of this before. Never for an application that runs on a device or a command line: anybody there can ask in its name
    /// (RFC 8252 §8.6).
    /// </summary>
    private bool IsRemembered() => _consent is not null && !AuthorizationRequest().HasPromptValue(PromptValues.Consent) && Client.Kind != ApplicationKind.Native
        && Client.ClientType == ClientTypes.Confidential && Shown.All(Scopes.Split(_consent.Scopes).Contains) && Reached.Keys.All(ReachedBefore.Contains);

    /// <summary>Resource servers that were allowed before.</summary>
    private string[] ReachedBefore => Scopes.Split(_consent?.Resources ?? "");

    private async Task<IActionResult> AllowAsync(bool asked, CancellationToken cancellationToken)
    {
        var request = AuthorizationRequest();
        var (code, hash) = CodeGrant.New();
        var now = clock.Now();
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        if (!await pushed.TakeAsync(request.RequestUri, cancellationToken))
            return Used();
        if (asked)
        {
            var scopes = Scopes.Join(AllowedBefore.Union(Shown, StringComparer.Ordinal));
            var all = Scopes.Join(ReachedBefore.Union(Reached.Keys, StringComparer.Ordinal));
            // What has no room is asked again.
            var reached = all.Length == 0 ? null : all.Length <= Consent.LongestResources ? all : Scopes.Join(Reached.Keys);
            if (await database.Consents.Where(c => c.UserId == Person.UserId && c.ApplicationId == Client.Id)
                .ExecuteUpdateAsync(set => set.SetProperty(c => c.Scopes, scopes).SetProperty(c => c.Resources, reached).SetProperty(c => c.GrantedAt, now), cancellationToken) == 0)
                database.Consents.Add(new Consent { Id = Guid.CreateVersion7(clock.GetUtcNow()), UserId = Person.UserId, ApplicationId = Client.Id, Scopes = scopes, Resources = reached, GrantedAt = now });
            audit.Add(AuditTypes.ApplicationAllowed, Person.ToActor(), Client.Id, Client.ClientId, Client.DisplayName);
            // Not what was allowed before and asked again, and not the command line: its login is told of.
            if (Client.ClientId != BuiltInApplications.Cli && (Shown.Except(AllowedBefore, StringComparer.Ordinal).Any() || Reached.Keys.Except(ReachedBefore, StringComparer.Ordinal).Any()))
                await outbox.NotifyAsync(Person.UserId, letters.ApplicationAllowed(Client.DisplayName ?? Client.ClientId!, Shown), cancellationToken);
        }

        database.AuthorizationCodes.Add(new AuthorizationCode
        {
            Id = Guid.CreateVersion7(clock.GetUtcNow()),
            Hash = hash,
            ClientId = Client.ClientId!,
            UserId = Person.UserId,
            Scopes = Scopes.Join(Granted),
            Resources = Resources.Of(request) is { } asked8707 ? Scopes.Join(asked8707) : null,
            RedirectUri = request.RedirectUri!,
            CodeChallenge = request.CodeChallenge,
            Nonce = request.Nonce,
            Claims = _claims.Length > 0 ? _claims : null,
            AuthenticatedAt = Person.AuthenticatedAt,
            Methods = Person.AuthenticationMethods,
            LifetimeHours = _hours,
            DeviceName = DeviceName,
            ExpiresAt = now + CodeGrant.Lifetime,
        });
        try
        {
            await database.SaveChangesAsync(cancellationToken);
        }
        catch (DbUpdateException exception) when (DatabaseFaults.IsDuplicate(exception))
        {
            // The same consent from another tab, at this moment: it stands now, and the next try finds it.
            await transaction.RollbackAsync(cancellationToken);
            database.ChangeTracker.Clear();
            return await AllowAsync(asked, cancellationToken);
        }

        await transaction.CommitAsync(cancellationToken);
        HttpContext.Features.Set(new IssuedCode(code));
        var identity = new ClaimsIdentity("person", Claims.Name, Claims.Role).SetClaim(Claims.Subject, Person.UserId.ToString());
        return SignIn(new ClaimsPrincipal(identity).SetScopes(Granted), OpenIddictServerAspNetCoreDefaults.AuthenticationScheme);
    }

    private string Describe(Policy policy) =>
        Client.ClientId == BuiltInApplications.Cli ? $"{Texts.Count(GrantIssuer.LoginHours(policy, _hours), "hour")}, or until you end it under Connected apps."
        : Granted.Contains(Scopes.OfflineAccess) ? DescribeChain(policy)
        : $"{Texts.Count(Math.Min(GrantIssuer.AccessTokenHours, policy.Tokens.Maximum ?? GrantIssuer.AccessTokenHours), "hour")} at a time, while you use it.";

    /// <summary>How long an application stays connected that is renewed.</summary>
    internal static string DescribeChain(Policy policy)
    {
        var days = Math.Min(policy.Applications.RefreshMaximumDays ?? Core.Tokens.RefreshRule.LongestDays, Core.Tokens.RefreshRule.LongestDays);
        return $"{Texts.Count(days, "day")}, or until it was not used for {Texts.Count((int)Core.Tokens.RefreshRule.Idle.TotalDays, "day")}, or until you end it under Connected apps.";
    }

    /// <summary>The scope that gives a claim which is asked for by itself (<c>userinfo.email</c>).</summary>
    private static string ScopeOf(string claim) => OwnerClaims.ScopeOf[claim[(claim.IndexOf('.', StringComparison.Ordinal) + 1)..]];

    /// <summary>As form-action wants it: an origin, or the scheme of a native application.</summary>
    internal static string OriginOf(Uri redirect) => redirect.Authority.Length > 0 ? redirect.GetLeftPart(UriPartial.Authority) : $"{redirect.Scheme}:";

    private async Task<IActionResult> SignInFirstAsync(bool fresh, string whyNot, CancellationToken cancellationToken)
    {
        var request = AuthorizationRequest();
        if (request.HasPromptValue(PromptValues.None))
            return await RefuseAsync(Errors.LoginRequired, whyNot, cancellationToken);
        // prompt=login and max_age=0 are met by the sign-in that follows, and would ask for it again and again. An application that insists looks at auth_time. That it wants the person asked stays.
        var query = QueryString.Create(Carried().Where(parameter => parameter.Key != OpenIddictConstants.Parameters.MaxAge && (parameter.Key != OpenIddictConstants.Parameters.Prompt || request.HasPromptValue(PromptValues.Consent)))
            .Select(parameter => parameter.Key == OpenIddictConstants.Parameters.Prompt ? KeyValuePair.Create(parameter.Key, (string?)PromptValues.Consent) : parameter));
        var hint = string.IsNullOrEmpty(request.LoginHint) ? "" : $"login_hint={Uri.EscapeDataString(request.LoginHint)}&";
        return Redirect($"/sign-in?{hint}{(fresh ? "reauthenticate=1&" : "")}returnUrl={Uri.EscapeDataString($"/connect/authorize{query}")}");
    }

    /// <summary>What has to come again with the next request: of a pushed one the reference, for its parameters are here.</summary>
    private IEnumerable<KeyValuePair<string, string?>> Carried()
    {
        var request = AuthorizationRequest();
        if (!string.IsNullOrEmpty(request.RequestUri))
            return [new(OpenIddictConstants.Parameters.ClientId, request.ClientId), new(OpenIddictConstants.Parameters.RequestUri, request.RequestUri)];
        // Not what would stand beside the form's own fields, and make the request ambiguous. A resource may come several times.
        return request.GetParameters().Where(parameter => !s_ours.Contains(parameter.Key)).SelectMany(parameter =>
            (parameter.Key == OpenIddictConstants.Parameters.Resource ? Resources.Of(request) ?? [] : [(string?)parameter.Value ?? ""]).Select(value => KeyValuePair.Create(parameter.Key, (string?)value)));
    }

    /// <summary>Tells the application, which is the one answer to a pushed request.</summary>
    private async Task<IActionResult> RefuseAsync(string error, string description, CancellationToken cancellationToken) =>
        await pushed.TakeAsync(AuthorizationRequest().RequestUri, cancellationToken) ? Refuse(error, description) : Used();

    private ForbidResult Used() => Refuse(Errors.InvalidRequestUri, "The request_uri was used already.");

    private ForbidResult Refuse(string error, string description) => Forbid(
        new AuthenticationProperties(new Dictionary<string, string?>
        {
            [OpenIddictServerAspNetCoreConstants.Properties.Error] = error,
            [OpenIddictServerAspNetCoreConstants.Properties.ErrorDescription] = description,
        }),
        OpenIddictServerAspNetCoreDefaults.AuthenticationScheme);

    private OpenIddictRequest AuthorizationRequest() => HttpContext.GetOpenIddictServerRequest() ?? throw new InvalidOperationException("Not an authorization request.");
}
