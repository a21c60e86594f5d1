using Activate.Identity.Core;
using Activate.Identity.Core.Errors;
using Activate.Identity.Core.Expiration;
using Activate.Identity.Data.Applications;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.Web;
using Microsoft.IdentityModel.Tokens;
using static OpenIddict.Abstractions.OpenIddictConstants;
using Scopes = Activate.Identity.Core.Scopes;

namespace Activate.Identity.Server.Connect;

/// <summary>
/// Token exchange (RFC 8693): an access token or an API key becomes an access token for one audience that never has more scope, never ends later and dies with what
/// it was exchanged for. And client credentials (RFC 6749 §4.4): an application's token for itself. Neither costs a row.
/// </summary>
internal sealed class ExchangeGrant(PolicyReader policies, Lazy<Resources> resources, AccessTokenWriter writer, OwnTokens own, PublicOrigin origin, TimeProvider clock)
{
    /// <summary>The type that API keys have in an exchange (contract §4).</summary>
    public const string ApiKeyType = "urn:parallelworks:token-type:api-key";

    /// <summary>What an application may be given for itself: the other scopes are about a user's things.</summary>
    public static readonly IReadOnlyList<string> ApplicationScopes = [Scopes.Platform];

    /// <param name="subject">The checked token or key.</param>
    /// <param name="application">The client that asks.</param>
    /// <param name="requested">Scopes that its registration allows; null: those of the subject that it does.</param>
    /// <param name="audiences">Resources asked for; null: our API.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<Result<IssuedTokens>> ExchangeAsync(
        Caller subject, Application application, IReadOnlyList<string>? requested, IReadOnlyList<string>? audiences, CancellationToken cancellationToken)
    {
        if (subject.IsApplication)
            return Refusal(Errors.InvalidGrant, "The token belongs to an application; only a user's credential is exchanged.");
        if (subject.Exchanged)
            return Refusal(Errors.InvalidGrant, "The token was itself exchanged, and is not exchanged again.");
        if (application.OrganizationId is { } organization && organization != subject.OrganizationId)
            return Refusal(Errors.InvalidGrant, "The credential is of another organization than the client.");
        if (subject.ClientId is { } holder && holder != application.ClientId
            && !Scopes.Split(application.Audiences ?? "").Intersect(subject.Audiences).Any())
            return Refusal(Errors.InvalidGrant, "The token was issued neither to this client nor for a resource that it answers for.");
        var policy = await policies.ReadAsync(subject.OrganizationId, cancellationToken);
        if (BuiltInApplications.IsBarred(policy.Effective, application))
            return Refusal(Errors.InvalidGrant, "The user's organization allows no applications.");
        if (requested?.FirstOrDefault(scope => !subject.Has(scope)) is { } missing)
            return Refusal(Errors.InvalidScope, $"The credential lacks the scope '{missing}'.");
        if (audiences is not null && !await resources.Value.AreKnownAsync(audiences, subject.OrganizationId, cancellationToken))
            return Refusal(Errors.InvalidTarget, "A resource is unknown here.");

        var now = clock.Now();
        // Not those of a sign-in, and not what is given only when asked for.
        var scopes = Scopes.Join((requested ?? subject.Scopes.Where(scope => !Scopes.Sensitive.Contains(scope) && application.MayAskFor(scope))).Where(Scopes.ForKeys.Contains));
        var end = now.AddHours(Math.Min(GrantIssuer.AccessTokenHours, policy.Effective.Tokens.Maximum ?? GrantIssuer.AccessTokenHours));
        end = subject.ExpiresAt is { } parent && parent < end ? parent : end;
        var isKey = subject.Kind == Core.Credentials.CredentialKind.ApiKey;
        return new IssuedTokens(writer.Write(new AccessTokenContent(
            Guid.CreateVersion7(clock.GetUtcNow()), subject.UserId.ToString(), application.ClientId!, scopes, audiences ?? [origin.ApiAudience], now, end, subject.OrganizationSlug)
        {
            ApiKeyId = isKey ? subject.CredentialId : null,
            GrantId = isKey ? null : subject.CredentialId,
            Exchanged = true,
            Algorithm = application.SigningAlgorithm ?? SecurityAlgorithms.RsaSha256,
        }), scopes, end);
    }

    /// <param name="application">The client, authenticated.</param>
    /// <param name="requested">Scopes that its registration allows; null: all of those.</param>
    /// <param name="audiences">Resources asked for.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<Result<IssuedTokens>> IssueForItselfAsync(
        Application application, IReadOnlyList<string>? requested, IReadOnlyList<string>? audiences, CancellationToken cancellationToken)
    {
        if (requested?.FirstOrDefault(scope => !ApplicationScopes.Contains(scope)) is { } personal)
            return Refusal(Errors.InvalidScope, $"The scope '{personal}' is about a user's things; an application that acts for itself may have: {Scopes.Join(ApplicationScopes)}.");
        if (audiences is not null && !await resources.Value.AreKnownAsync(audiences, application.OrganizationId, cancellationToken))
            return Refusal(Errors.InvalidTarget, "A resource is unknown here.");
        requested ??= [.. ApplicationScopes.Where(scope => application.MayAskFor(scope))];
        return own.Issue(application, Scopes.Join(requested), audiences is null ? null : Scopes.Join(audiences));
    }

    private static Problem Refusal(string code, string detail) => new(ProblemKind.Refused, code, detail);
}
