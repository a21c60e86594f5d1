using System.Globalization;
using System.Security.Claims;
using Activate.Identity.Core.Errors;
using Activate.Identity.Core.Expiration;
using Activate.Identity.Core.IdentityProviders;
using Activate.Identity.Data.IdentityProviders;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore;
using Microsoft.AspNetCore.Authentication;
using Microsoft.IdentityModel.JsonWebTokens;
using OpenIddict.Abstractions;
using OpenIddict.Client;
using OpenIddict.Client.AspNetCore;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace Activate.Identity.Server.IdentityProviders;

/// <summary>What a sign-in at a provider is for.</summary>
public enum ProviderPurpose
{
    SignIn,
    /// <summary>Somebody who is signed in proves again who they are.</summary>
    Again,
    /// <summary>Somebody who is signed in connects their account.</summary>
    Connect,
    /// <summary>Somebody takes an invitation up.</summary>
    Invitation,
}

/// <summary>What came back from a provider, proven to be its own and meant for this browser.</summary>
/// <param name="Provider">Which.</param>
/// <param name="Person">Who.</param>
/// <param name="Purpose">What for.</param>
/// <param name="UserId">Who started it, where somebody was signed in.</param>
/// <param name="ReturnUrl">Where to go afterwards.</param>
public sealed record ProviderAnswer(IdentityProvider Provider, ExternalPerson Person, ProviderPurpose Purpose, Guid? UserId, string ReturnUrl);

/// <summary>Takes a browser to a provider, and reads what it brings back: the two places where OpenIddict's client is asked.</summary>
public sealed partial class ProviderChallenge(IAuthenticationHandlerProvider handlers, ProviderRegistrations providers, PolicyReader policies, TimeProvider clock, ILogger<ProviderChallenge> log)
{
    private const string PurposeKey = "activate.purpose";
    private const string UserKey = "activate.user";

    private static readonly Problem s_again = new(ProblemKind.Refused, "sso_start_again",
        "This sign-in was started in another browser, was finished before, or took more than 15 minutes. Start again; nothing has happened.");

    private static readonly Problem s_gone = new(ProblemKind.Refused, "sso_off", "Your organization has switched this way of signing in off. Ask one of its administrators.");

    private static readonly Problem s_cancelled = new(ProblemKind.Refused, "sso_denied",
        "Your organization’s sign-in answered that you may not sign in here, or that you did not want to. Try again, or ask its administrators to let you use this application.");

    /// <summary>Writes the redirect to the provider; a problem when there is nowhere to go to.</summary>
    public async Task<Problem?> BeginAsync(HttpContext context, IdentityProvider provider, ProviderPurpose purpose, Guid? userId, string returnUrl)
    {
        try
        {
            // Before anything is written: a page of ours says what is wrong.
            await providers.DocumentAsync(provider, context.RequestAborted);
        }
        catch (ProviderUnreadableException exception)
        {
            LogUnreadable(provider.Id, exception.Message);
            return Unreadable;
        }

        var settings = provider.Read();
        var properties = new AuthenticationProperties { RedirectUri = returnUrl };
        properties.Items[OpenIddictClientAspNetCoreConstants.Properties.RegistrationId] = provider.Id.ToString();
        // Also where the provider does not say that it knows it: what it does not know it has to ignore (RFC 6749 §3.1).
        properties.Items[OpenIddictClientAspNetCoreConstants.Properties.CodeChallengeMethod] = CodeChallengeMethods.Sha256;
        properties.Items[PurposeKey] = purpose.ToString();
        properties.Items[UserKey] = userId?.ToString();
        if (purpose is ProviderPurpose.Again or ProviderPurpose.Connect)
        {
            properties.Parameters[Parameters.Prompt] = PromptValues.Login;
            properties.Parameters[Parameters.MaxAge] = "0";
        }
        else if ((await policies.ReadAsync(provider.OrganizationId, context.RequestAborted)).Effective.WebSessions.MaximumHours is { } hours)
        {
            // Nobody is signed in here for longer than since they gave proof there.
            properties.Parameters[Parameters.MaxAge] = (hours * 3600L).ToString(CultureInfo.InvariantCulture);
        }

        if (settings.MfaContexts.Count > 0)
            properties.Parameters[Parameters.AcrValues] = string.Join(' ', settings.MfaContexts);
        await EnterAsync(context);
        await context.ChallengeAsync(OpenIddictClientAspNetCoreDefaults.AuthenticationScheme, properties);
        return null;
    }

    /// <summary>Reads what the browser brought back. Everything about it is checked by now: state, browser, nonce, code, issuer, signature, audience, time.</summary>
    public async Task<(Result<ProviderAnswer> Answer, IdentityProvider? Provider)> ReadAsync(HttpContext context)
    {
        await EnterAsync(context);
        var transaction = context.Features.Get<OpenIddictClientAspNetCoreFeature>()?.Transaction;
        var authentication = transaction?.GetProperty<OpenIddictClientEvents.ProcessAuthenticationContext>(typeof(OpenIddictClientEvents.ProcessAuthenticationContext).FullName!);
        var provider = Guid.TryParse(authentication?.Registration?.RegistrationId, out var id) ? await providers.FindAsync(id, context.RequestAborted) : null;
        if (context.GetOpenIddictClientResponse() is { Error.Length: > 0 } refused)
            return (Explain(refused, provider, context.Request.Query["error"]), provider);
        var result = await context.AuthenticateAsync(OpenIddictClientAspNetCoreDefaults.AuthenticationScheme);
        if (!result.Succeeded || provider is null)
            return (provider is null ? s_gone : s_again, provider);
        var properties = result.Properties!;
        if (!Enum.TryParse<ProviderPurpose>(properties.Items.TryGetValue(PurposeKey, out var word) ? word : null, out var purpose))
            return (s_again, provider);
        var token = properties.GetParameter<ClaimsPrincipal>(OpenIddictClientAspNetCoreConstants.Properties.BackchannelIdentityTokenPrincipal);
        if (token?.GetClaim(Claims.Subject) is not { Length: > 0 and <= IdentityProviderRules.LongestValue })
            return (Untrusted("its answer names nobody"), provider);
        if (new JsonWebToken(properties.GetTokenValue(OpenIddictClientAspNetCoreConstants.Tokens.BackchannelIdentityToken)) is var raw && !IsInTime(raw, clock.GetUtcNow().UtcDateTime))
            return (Untrusted("its answer is too old, or from a clock that is wrong"), provider);
        var userInfo = properties.GetParameter<ClaimsPrincipal>(OpenIddictClientAspNetCoreConstants.Properties.UserInfoTokenPrincipal);
        return (new ProviderAnswer(provider, PersonOf(token, userInfo), purpose, Guid.TryParse(properties.Items.TryGetValue(UserKey, out var user) ? user : null, out var userId) ? userId : null,
            Accounts.LocalAddress.From(properties.RedirectUri)), provider);
    }

    /// <summary>OpenID Connect Core §3.1.3.7: both times are required, and so old is no answer to what was asked just now.</summary>
    private static bool IsInTime(JsonWebToken token, DateTime now) =>
        token.ValidTo > now - ProviderRegistrations.ClockSkew && token.IssuedAt < now + ProviderRegistrations.ClockSkew
        && token.IssuedAt > now - ProviderRegistrations.ClockSkew - IdentityProvidersSetup.StateLifetime;

    internal static readonly Problem Unreadable = new(ProblemKind.Unavailable, "sso_unreachable",
        "Your organization’s sign-in cannot be reached just now, or is not set up right. Try again in a minute; if it stays so, tell an administrator of your organization: “Check” on its page says what is wrong.")
        { RetryAfter = TimeSpan.FromSeconds(10) };

    /// <summary>What the ID token says counts before what the userinfo endpoint says, name by name; an address and whether it is verified come from the same of the two.</summary>
    internal static ExternalPerson PersonOf(ClaimsPrincipal token, ClaimsPrincipal? userInfo)
    {
        var claims = ClaimsOf(token);
        var more = userInfo is null ? [] : ClaimsOf(userInfo);
        var withEmail = claims.ContainsKey(Claims.Email) ? claims : more;
        foreach (var (name, values) in more)
        {
            if (name is not (Claims.Email or Claims.EmailVerified) || ReferenceEquals(withEmail, more))
                claims.TryAdd(name, values);
        }

        string? One(string name) => claims.TryGetValue(name, out var values) && values is [{ Length: > 0 } value] ? value : null;
        return new ExternalPerson(One(Claims.Subject)!)
        {
            Email = One(Claims.Email),
            EmailVerified = withEmail.TryGetValue(Claims.EmailVerified, out var verified) && verified is ["true" or "True"],
            PreferredUsername = One(Claims.PreferredUsername),
            Name = One(Claims.Name),
            Claims = claims,
            AuthenticatedAt = long.TryParse(One(Claims.AuthenticationTime), NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) && seconds < 253402300800L
                ? DateTimeOffset.FromUnixTimeSeconds(seconds).UtcDateTime
                : null,
            Methods = claims.TryGetValue(Claims.AuthenticationMethodReference, out var methods) ? methods : [],
            Context = One(Claims.AuthenticationContextReference),
        };
    }

    private static Dictionary<string, IReadOnlyList<string>> ClaimsOf(ClaimsPrincipal principal) =>
        principal.Claims.GroupBy(claim => claim.Type, StringComparer.Ordinal).ToDictionary(group => group.Key, IReadOnlyList<string> (group) => [.. group.Select(claim => claim.Value)], StringComparer.Ordinal);

    /// <summary>The client looks at a request when it is told to.</summary>
    private async Task EnterAsync(HttpContext context)
    {
        if (context.Features.Get<OpenIddictClientAspNetCoreFeature>() is null
            && await handlers.GetHandlerAsync(context, OpenIddictClientAspNetCoreDefaults.AuthenticationScheme) is IAuthenticationRequestHandler client && await client.HandleRequestAsync())
            throw new InvalidOperationException("OpenIddict's client has answered a request that is a page's.");
    }

    private Problem Explain(OpenIddictResponse refused, IdentityProvider? provider, string? error)
    {
        var reason = refused.ErrorDescription;
        LogRefused(provider?.Id, refused.Error, reason);
        return reason == ClientHandlers.SpendState.Gone ? s_gone
            : reason == ClientHandlers.SpendState.Spent || provider is null ? s_again
            : reason == ClientHandlers.TellErrors.Other ? Misfit(error)
            : refused.Error is Errors.ServerError or Errors.TemporarilyUnavailable ? Unreadable
            : ClientHandlers.TellErrors.OfThePerson.Contains(refused.Error) ? s_cancelled
            : Untrusted(refused.ErrorUri?[(refused.ErrorUri.LastIndexOf('/') + 1)..] ?? refused.Error ?? "no reason");
    }

    /// <summary>The provider's own word (RFC 6749 §4.1.2.1), if it is one: what it is about is between the two registrations.</summary>
    private static Problem Misfit(string? error) => new(ProblemKind.Refused, "sso_misfit",
        $"Your organization’s sign-in answered with the error {(error is { Length: <= 40 } && error.All(c => char.IsAsciiLetterLower(c) || c == '_') ? error : "that it has")}, so nobody was signed in. "
        + "What it allows this application does not fit with what is asked for here: tell an administrator of your organization.");

    private static Problem Untrusted(string reason) => new(ProblemKind.Refused, "sso_untrusted",
        $"The answer of your organization’s sign-in did not prove to be its own, so nobody was signed in ({reason}). Start again. If it stays so, tell an administrator of your organization.");

    [LoggerMessage(LogLevel.Warning, "The identity provider {Provider} cannot be used: {Reason}")]
    private partial void LogUnreadable(Guid provider, string reason);

    [LoggerMessage(LogLevel.Warning, "An answer of the identity provider {Provider} was refused: {Error}, {Reason}")]
    private partial void LogRefused(Guid? provider, string? error, string? reason);
}
