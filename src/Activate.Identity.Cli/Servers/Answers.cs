using System.Text.Json;
using System.Text.Json.Serialization;

namespace Activate.Identity.Cli.Servers;

/// <summary><c>/api/v1/me</c>.</summary>
internal sealed record Me(string? Id, string? Username, string? DisplayName, string? Email, string? Role, bool Operator, OrganizationName? Organization, CredentialOfMe? Credential);

internal sealed record OrganizationName(string? Slug, string? Name);

internal sealed record CredentialOfMe(string? Kind, string? Id, string? Name, string[]? Scopes, DateTimeOffset? ExpiresAt);

/// <summary>An API key, token or session in a list.</summary>
internal sealed record CredentialItem(
    string? Id, string? Name, string? Last4, string[]? Scopes, DateTimeOffset? CreatedAt, DateTimeOffset? ExpiresAt, string? ExpiresBecause, DateTimeOffset? LastUsedAt,
    string? LastUsedFrom, string? State);

/// <summary>An SSH key in a list.</summary>
internal sealed record SshKeyItem(
    string? Id, string? Name, string? Algorithm, string? Fingerprint, DateTimeOffset? ExpiresAt, string? ExpiresBecause, DateTimeOffset? LastUsedAt, string? LastUsedFrom, string? LastUsedOn,
    string? State);

/// <summary><c>/signing-keys</c>.</summary>
internal sealed record SigningKeyItem(string? Kid, string? Algorithm, DateTimeOffset? CreatedAt, DateTimeOffset? SignsFrom, DateTimeOffset? RetiresAt, string? State);

/// <summary><c>/organization/policy</c>.</summary>
internal sealed record PolicyAnswer(
    [property: JsonRequired] JsonElement Policy, [property: JsonRequired] JsonElement Effective, [property: JsonRequired] JsonElement Ceiling, DateTimeOffset? ChangedAt, string? ChangedBy);

/// <summary><c>/organization/policy/preview</c>.</summary>
internal sealed record PreviewAnswer([property: JsonRequired] Dictionary<string, int> Counts, [property: JsonRequired] List<JsonElement> Affected, string? Next)
{
    /// <summary>People who would have to set up a second factor; null: the policy asks for none.</summary>
    public int? WithoutSecondFactor { get; init; }
}

internal sealed record AffectedItem(string? Kind, string? Id, string? Name, string? Owner, DateTimeOffset? LastUsedAt, DateTimeOffset? ExpiresAt, DateTimeOffset? WouldExpireAt);

/// <summary><c>/authorized-keys/{username}</c>.</summary>
internal sealed record AuthorizedKeysAnswer([property: JsonRequired] string Username, [property: JsonRequired] List<AuthorizedKeyItem> Keys);

internal sealed record AuthorizedKeyItem([property: JsonRequired] string PublicKey, [property: JsonRequired] string Fingerprint, [property: JsonRequired] DateTimeOffset? ExpiresAt);

/// <summary><c>/authorized-principals/{account}</c>.</summary>
internal sealed record AuthorizedPrincipalsAnswer([property: JsonRequired] string Account, [property: JsonRequired] List<string> Principals);

/// <summary><c>/ssh-certificates</c>.</summary>
internal sealed record SshCertificateAnswer(
    [property: JsonRequired] string Certificate, [property: JsonRequired] string Account, [property: JsonRequired] string ClusterId, [property: JsonRequired] DateTimeOffset ExpiresAt, string? ExpiresBecause,
    string? ClusterName, string? ClusterAddress);

/// <summary><c>/organization/ssh-certificate-authorities</c>.</summary>
internal sealed record CertificateAuthorityItem(
    int Generation, string? PublicKey, string? Fingerprint, DateTimeOffset? CreatedAt, DateTimeOffset? SignsFrom, DateTimeOffset? RetiresAt, string? State);

/// <summary>An answer that shows a secret, once.</summary>
internal sealed record NewCredential(string? Id, string? Name, DateTimeOffset? ExpiresAt, string? ExpiresBecause, string? Key, string? Token)
{
    public override string ToString() => $"{Name} ({Id})";
}

/// <summary>An application, in a list or alone.</summary>
internal sealed record ApplicationItem(
    string? Id, string? ClientId, string? Name, string? Type, string? Publisher, string? LogoUri, string[]? RedirectUris, string[]? PostLogoutRedirectUris, string[]? Grants, string[]? Scopes,
    string[]? Resources, JsonElement? Jwks, string? SigningAlgorithm, bool Suspended, string? SecretLast4, DateTimeOffset? PreviousSecretEndsAt, DateTimeOffset? CreatedAt, string? ClientSecret)
{
    public override string ToString() => $"{Name} ({Id})";
}

/// <summary><c>/organization/identity-providers</c>.</summary>
internal sealed record IdentityProviderItem(
    string? Id, string? Name, string? Issuer, string? ClientId, bool HasClientSecret, string[]? Scopes, string[]? AllowedDomains, bool TrustsEmail, RequiredClaimItem? RequiredClaim, string? GroupsClaim,
    Dictionary<string, string>? Roles, bool TrustsMfa, string[]? MfaContexts, int? PauseAfterDays, bool Enabled, string? RedirectUri, string? SignInUri, int People, DateTimeOffset? CreatedAt);

internal sealed record RequiredClaimItem(string? Name, string? Value);

/// <summary>What a check of a provider found.</summary>
internal sealed record ProviderReport(bool Good, ProviderFindingItem[]? Findings);

internal sealed record ProviderFindingItem(bool Good, string? Text);

/// <summary>Somebody of the organization, in a list or alone.</summary>
internal sealed record MemberItem(
    string? Id, string? Username, string? DisplayName, string? Email, string? Role, string? State, DateTimeOffset? CreatedAt, DateTimeOffset? InvitationExpiresAt, string? InvitationUrl)
{
    public override string ToString() => $"{Username} ({Id})";
}

/// <summary>A service account, in a list or alone.</summary>
internal sealed record ServiceAccountItem(
    string? Id, string? Username, string? Description, string? Role, List<KeeperItem>? Keepers, string? State, ClusterName? Cluster, int ApiKeys, DateTimeOffset? CreatedAt, DateTimeOffset? LastUsedAt);

internal sealed record KeeperItem(string? Username, bool Active);

internal sealed record ClusterName(string? Name);

/// <summary>A cluster, in a list or alone.</summary>
internal sealed record ClusterItem(string? Id, string? Name, string? Address, ClusterAccessItem? Access, DateTimeOffset? CreatedAt, DateTimeOffset? ReportsSince,
    DateTimeOffset? LastReportAt, string? Key, DateTimeOffset? KeyExpiresAt)
{
    public override string ToString() => $"{Name} ({Id})";
}

internal sealed record ClusterAccessItem(string? Mode, string[]? Roles, string[]? Usernames);

/// <summary><c>/organization/members/{id}/revoke-credentials</c>.</summary>
internal sealed record EndedCredentials(int ApiKeys, int Tokens, int Sessions, int SshKeys, int Applications, int BrowserSessions);

/// <summary><c>/organization/members/import</c>.</summary>
internal sealed record ImportAnswer([property: JsonRequired] List<ImportedPerson> People);

internal sealed record ImportedPerson(string? Username, string? Outcome, string? Id, string? InvitationUrl, string? Code, string? Detail, List<ImportedKey>? Keys)
{
    public override string ToString() => $"{Username} ({Id})";
}

internal sealed record ImportedKey(int Line, string? Outcome, string? Fingerprint, string? Code, string? Detail);

/// <summary>An organization of the server, for operators.</summary>
internal sealed record OrganizationItem(string? Id, string? Slug, string? Name, bool Suspended, int People, DateTimeOffset? CreatedAt, string? InvitationUrl)
{
    public override string ToString() => $"{Slug} ({Id})";
}

/// <summary>A credential of anybody in the organization.</summary>
internal sealed record InventoryItem(string? Kind, string? Id, string? Name, string? Owner, DateTimeOffset? ExpiresAt, DateTimeOffset? LastUsedAt, string? LastUsedFrom, string? LastUsedOn, string? State);

internal sealed record ConsentItem(string? Id, string? Owner, string? Application, string[]? Scopes, DateTimeOffset? GrantedAt, DateTimeOffset? LastUsedAt, string? LastUsedFrom);

/// <summary><c>/organization/credentials/end</c>.</summary>
internal sealed record EndedManyAnswer([property: JsonRequired] Dictionary<string, int> Counts, int Kept, bool More);

/// <summary><c>/organization/credentials/{kind}/{id}/explain</c>.</summary>
internal sealed record ExplainAnswer(string? Name, string? Owner, DateTimeOffset? ExpiresAt, string? Code, string? Detail, string? PolicyNow);

/// <summary>An event of the audit log.</summary>
internal sealed record AuditItem(
    DateTimeOffset? At, string? Type, string? Outcome, AuditPartyItem? Actor, AuditPartyItem? Subject, AuditPartyItem? Owner, string? ClientId, string? Address, string? Name, string? Detail);

internal sealed record AuditPartyItem(string? Id, string? Username);

internal sealed record Page([property: JsonRequired] List<JsonElement> Items, string? Next);

/// <summary>RFC 9457, and RFC 6749 §5.2 where an OAuth endpoint answers.</summary>
internal sealed record ProblemAnswer(string? Title, string? Detail, string? Code, Dictionary<string, JsonElement>? Errors, string? Error, [property: JsonPropertyName("error_description")] string? ErrorDescription);

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(Me))]
[JsonSerializable(typeof(CredentialItem))]
[JsonSerializable(typeof(SshKeyItem))]
[JsonSerializable(typeof(SigningKeyItem))]
[JsonSerializable(typeof(PolicyAnswer))]
[JsonSerializable(typeof(PreviewAnswer))]
[JsonSerializable(typeof(AffectedItem))]
[JsonSerializable(typeof(AuthorizedKeysAnswer))]
[JsonSerializable(typeof(AuthorizedPrincipalsAnswer))]
[JsonSerializable(typeof(SshCertificateAnswer))]
[JsonSerializable(typeof(CertificateAuthorityItem))]
[JsonSerializable(typeof(NewCredential))]
[JsonSerializable(typeof(ApplicationItem))]
[JsonSerializable(typeof(IdentityProviderItem))]
[JsonSerializable(typeof(ProviderReport))]
[JsonSerializable(typeof(MemberItem))]
[JsonSerializable(typeof(ServiceAccountItem))]
[JsonSerializable(typeof(ClusterItem))]
[JsonSerializable(typeof(Dictionary<string, string>))]
[JsonSerializable(typeof(EndedCredentials))]
[JsonSerializable(typeof(ImportAnswer))]
[JsonSerializable(typeof(ImportedKey))]
[JsonSerializable(typeof(OrganizationItem))]
[JsonSerializable(typeof(InventoryItem))]
[JsonSerializable(typeof(ConsentItem))]
[JsonSerializable(typeof(EndedManyAnswer))]
[JsonSerializable(typeof(ExplainAnswer))]
[JsonSerializable(typeof(AuditItem))]
[JsonSerializable(typeof(Page))]
[JsonSerializable(typeof(ProblemAnswer))]
internal sealed partial class ApiJson : JsonSerializerContext;
