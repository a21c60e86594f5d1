using System.Data.Common;
using System.Security.Cryptography;
using Activate.Identity.Core;
using Activate.Identity.Core.ApiKeys;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Data;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Data.Organizations;
using Activate.Identity.Server.Web;

namespace Activate.Identity.Server.Credentials;

/// <summary>
/// The one indexed read behind every check: a credential with its owner and organization, and the cuts whose rows are not all rewritten yet (usually none), so that a
/// cut counts from its commit. Null when the credential is unknown or its owner is out of standing.
/// </summary>
public sealed class CredentialReader : IAsyncDisposable
{
    private readonly PreparedRead<byte[], Caller> _apiKeys;
    private readonly PreparedRead<byte[], Caller> _grants;
    private readonly PublicOrigin _origin;

    public CredentialReader(IServiceScopeFactory scopes, PublicOrigin origin)
    {
        _origin = origin;
        _apiKeys = new(scopes, ApiKeyByHash, new byte[ApiKeySecret.HashLength], ApiKey);
        _grants = new(scopes, GrantByHash, new byte[SHA256.HashSizeInBytes], Grant);
    }

    /// <param name="hash">SHA-256 of the whole key.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public ValueTask<Caller?> ApiKeyAsync(byte[] hash, CancellationToken cancellationToken) => InStandingAsync(_apiKeys.ReadAsync(hash, cancellationToken));

    /// <param name="hash">SHA-256 of the whole access token.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public ValueTask<Caller?> AccessTokenAsync(byte[] hash, CancellationToken cancellationToken) => InStandingAsync(_grants.ReadAsync(hash, cancellationToken));

    public async ValueTask DisposeAsync()
    {
        await _apiKeys.DisposeAsync();
        await _grants.DisposeAsync();
    }

    private static async ValueTask<Caller?> InStandingAsync(ValueTask<Caller?> read) =>
        await read is { } caller && !ReferenceEquals(caller, s_outOfStanding) ? caller : null;

    /// <summary>Stands for a row whose owner is disabled or whose organization is suspended: for every caller the same as no row.</summary>
    private static readonly Caller s_outOfStanding = new()
    {
        Kind = CredentialKind.ApiKey, CredentialId = default, CredentialName = "", Scopes = [], Audiences = [], IssuedAt = default, ExpiresAt = default(DateTime), TokenId = "",
        UserId = default, Username = "", UserKind = UserKind.Person, Role = Role.Member, OrganizationId = default, OrganizationSlug = "", OrganizationName = "",
    };

    // The order of the members is the order of the columns that the readers below count on. One row for each pending cut, or one without.
    internal static IQueryable ApiKeyByHash(ActivateDbContext database, byte[] hash) =>
        from secret in database.ApiKeyHashes
        where secret.Hash == hash
        let key = secret.ApiKey!
        let user = key.Owner!
        let organization = user.Organization!
        from cut in database.PolicyCuts
            .Where(cut => cut.OrganizationId == user.OrganizationId && cut.Version > key.PolicyVersion && cut.DoneAt == null).DefaultIfEmpty()
        select new
        {
            user.Disabled, organization.Suspended,
            UserId = user.Id, user.UserName, user.DisplayName, user.Email, UserKind = user.Kind, user.Role, user.IsOperator,
            OrganizationId = organization.Id, organization.Slug, OrganizationName = organization.Name,
            key.Id, key.Name, key.Scopes, key.CreatedAt, key.ExpiresAt, GraceEndsAt = (DateTime?)cut.GraceEndsAt, Maximum = cut.ApiKeyMaximumDays, secret.EndsAt,
        };

    internal static IQueryable GrantByHash(ActivateDbContext database, byte[] hash) =>
        from grant in database.TokenGrants
        where grant.TokenHash == hash
        let user = grant.Owner!
        let organization = user.Organization!
        from cut in database.PolicyCuts
            .Where(cut => cut.OrganizationId == user.OrganizationId && cut.Version > grant.PolicyVersion && cut.DoneAt == null).DefaultIfEmpty()
        select new
        {
            // What a suspended application got works no more. (Generated tokens and device logins stand under activate-cli, which nobody suspends.)
            user.Disabled, Suspended = organization.Suspended || database.Applications.Any(application => application.ClientId == grant.ClientId && application.Suspended),
            UserId = user.Id, user.UserName, user.DisplayName, user.Email, UserKind = user.Kind, user.Role, user.IsOperator,
            OrganizationId = organization.Id, organization.Slug, OrganizationName = organization.Name,
            grant.Id, grant.Name, grant.Scopes, grant.CreatedAt, grant.ExpiresAt, GraceEndsAt = (DateTime?)cut.GraceEndsAt, Maximum = cut.TokenMaximumHours, grant.Kind, grant.ClientId, grant.Interactive, grant.AuthenticatedAt,
        };

    private Caller ApiKey(DbDataReader row, Caller? before)
    {
        var end = End(row, CredentialKind.ApiKey);
        var secretEnd = Time(row, 19);
        return Soonest(before, Read(row, CredentialKind.ApiKey, secretEnd is { } early && (end is not { } late || early < late) ? early : end,
            clientId: null, interactive: false, authenticatedAt: null));
    }

    private Caller Grant(DbDataReader row, Caller? before)
    {
        var kind = (CredentialKind)row.GetInt32(19);
        return Soonest(before, Read(row, kind, End(row, kind), row.GetString(20), row.GetBoolean(21), Time(row, 22)));
    }

    /// <summary>The end under the cut of this row, if there is one.</summary>
    private static DateTime? End(DbDataReader row, CredentialKind kind)
    {
        var end = Time(row, 16);
        if (Time(row, 17) is not { } graceEndsAt)
            return end;
        int? maximum = row.IsDBNull(18) ? null : row.GetInt32(18);
        return PolicyCut.End(kind, Time(row, 15)!.Value, end, graceEndsAt, maximum, maximum, null);
    }

    /// <summary>Under several cuts the soonest end counts.</summary>
    private static Caller Soonest(Caller? a, Caller b) => a is null || (b.ExpiresAt is { } end && !(a.ExpiresAt <= end)) ? b : a;

    private Caller Read(DbDataReader row, CredentialKind kind, DateTime? expiresAt, string? clientId, bool interactive, DateTime? authenticatedAt)
    {
        if (row.GetBoolean(0) || row.GetBoolean(1))
            return s_outOfStanding;
        var role = (Role)row.GetInt32(7);
        string[] scopes = [.. Scopes.AllowedTo(role, Scopes.Split(row.GetString(14)))];
        var id = row.GetGuid(12);
        return new Caller
        {
            Kind = kind,
            CredentialId = id,
            CredentialName = row.GetString(13),
            Scopes = scopes,
            Audiences = Caller.AudiencesFor(scopes, _origin),
            IssuedAt = Time(row, 15)!.Value,
            ExpiresAt = expiresAt,
            TokenId = id.ToString(),
            ClientId = clientId,
            Interactive = interactive,
            AuthenticatedAt = authenticatedAt,
            UserId = row.GetGuid(2),
            Username = row.GetString(3),
            DisplayName = row.IsDBNull(4) ? null : row.GetString(4),
            Email = row.IsDBNull(5) ? null : row.GetString(5),
            UserKind = (UserKind)row.GetInt32(6),
            Role = role,
            IsOperator = row.GetBoolean(8),
            OrganizationId = row.GetGuid(9),
            OrganizationSlug = row.GetString(10),
            OrganizationName = row.GetString(11),
        };
    }

    internal static DateTime? Time(DbDataReader row, int column) => row.IsDBNull(column) ? null : DateTime.SpecifyKind(row.GetDateTime(column), DateTimeKind.Utc);
}
