using Activate.Identity.Core;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Server.Audit;

namespace Activate.Identity.Server.Credentials;

/// <summary>A credential that was checked, and whose it is: all that one indexed read yields. Endpoints take it as a parameter.</summary>
public sealed class Caller
{
    public required CredentialKind Kind { get; init; }
    public required Guid CredentialId { get; init; }
    public required string CredentialName { get; init; }
    /// <summary>What was granted and the owner's role still allows.</summary>
    public required IReadOnlyList<string> Scopes { get; init; }
    public required IReadOnlyList<string> Audiences { get; init; }
    public required DateTime IssuedAt { get; init; }
    /// <summary>When it ends: the key's or grant's end, or the end of an old secret in a rotation if that is sooner. Null: never.</summary>
    public required DateTime? ExpiresAt { get; init; }
    /// <summary>The id of this very token (<c>jti</c>); for a key, the key's id.</summary>
    public required string TokenId { get; init; }
    /// <summary>The OAuth client of an access token; null for an API key.</summary>
    public string? ClientId { get; init; }
    /// <summary>A person signed in for it: a device login that was given <c>credentials:write</c> (contract §1).</summary>
    public bool Interactive { get; init; }
    public DateTime? AuthenticatedAt { get; init; }

    public required Guid UserId { get; init; }
    public required string Username { get; init; }
    public string? DisplayName { get; init; }
    public string? Email { get; init; }
    public required UserKind UserKind { get; init; }
    public required Role Role { get; init; }
    public bool IsOperator { get; init; }
    public required Guid OrganizationId { get; init; }
    public required string OrganizationSlug { get; init; }
    public required string OrganizationName { get; init; }

    public bool Has(string scope) => Scopes.Contains(scope);

    public bool EndedAt(DateTime now) => ExpiresAt <= now;

    public AuditActor ToActor() => new(UserId, OrganizationId, CredentialId);

    /// <summary>How a minimal-API endpoint gets its caller: <see cref="ApiGate"/> put it there, or refused the request.</summary>
    public static ValueTask<Caller?> BindAsync(HttpContext context) => ValueTask.FromResult(context.Features.Get<Caller>());

    /// <summary>The audiences that scopes stand for: our own API always, the platform with its scope.</summary>
    public static IReadOnlyList<string> AudiencesFor(IReadOnlyList<string> scopes, Web.PublicOrigin origin) =>
        scopes.Contains(Core.Scopes.Platform) ? [origin.ApiAudience, origin.PlatformAudience] : [origin.ApiAudience];
}
