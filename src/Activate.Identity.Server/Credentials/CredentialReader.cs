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
    private readonly PreparedRead<TokenAt, Caller> _onGrant;
    private readonly PreparedRead<TokenAt, Caller> _onApiKey;
    private readonly PreparedRead<TokenAt, Caller> _onApplication;
    private readonly PublicOrigin _origin;
    private readonly DatabasePulse _pulse;
    private readonly TimeProvider _clock;

    public CredentialReader(IServiceScopeFactory scopes, PublicOrigin origin, DatabasePulse pulse, TimeProvider clock)
    {
        (_origin, _pulse, _clock) = (origin, pulse, clock);
        _apiKeys = new(scopes, ApiKeyByHash, new byte[ApiKeySecret.HashLength], ApiKey);
        _grants = new(scopes, GrantByHash, new byte[SHA256.HashSizeInBytes], Grant);
        var example = new TokenAt(Guid.Empty, Guid.Empty, "");
        _onGrant = new(scopes, GrantById, example, Grant, TokenAt.Value);
        _onApiKey = new(scopes, ApiKeyById, example, ApiKey, TokenAt.Value);
        _onApplication = new(scopes, ApplicationByClientId, example, Application, TokenAt.Value);
    }

    /// <param name="hash">SHA-256 of the whole key.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public ValueTask<Caller?> ApiKeyAsync(byte[] hash, CancellationToken cancellationToken) => InStandingAsync(_apiKeys, hash, cancellationToken);

    /// <param name="hash">SHA-256 of the whole access token.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public ValueTask<Caller?> AccessTokenAsync(byte[] hash, CancellationToken cancellationToken) => InStandingAsync(_grants, hash, cancellationToken);

    /// <summary>What an access token without a row stands on; what the token itself says limits it further.</summary>
    /// <param name="token">Proven to be ours (<see cref="UnlistedTokens"/>).</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async ValueTask<Caller?> UnlistedAsync(AccessTokenContent token, CancellationToken cancellationToken)
    {
        var (read, row) = token switch
        {
            { GrantId: { } grant } => (_onGrant, grant),
            { ApiKeyId: { } key } => (_onApiKey, key),
            _ => (_onApplication, Guid.Empty),
        };
        // The subject is the owner of what the token stands on, or the application itself.
        return await InStandingAsync(read, new TokenAt(row, token.Id, token.ClientId), cancellationToken) is { } parent
            && token.Subject == (parent.IsApplication ? token.ClientId : parent.UserId.ToString()) ? parent.Limited(token) : null;
    }

    public async ValueTask DisposeAsync()
    {
        await _apiKeys.DisposeAsync();
        await _grants.DisposeAsync();
        await _onGrant.DisposeAsync();
        await _onApiKey.DisposeAsync();
        await _onApplication.DisposeAsync();
    }

    private async ValueTask<Caller?> InStandingAsync<TKey>(PreparedRead<TKey, Caller> read, TKey key, CancellationToken cancellationToken)
        where TKey : notnull
    {
        await _pulse.RequireOfServerAsync(cancellationToken);
        return await read.ReadAsync(key, cancellationToken) is { } caller && !ReferenceEquals(caller, s_outOfStanding) ? caller : null;
    }

    /// <summary>Stands for a row whose owner is disabled or paused or whose organization is suspended: for every caller the same as no row.</summary>
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
            UserId = user.Id, user.UserName, user.DisplayName, user.Email, user.EmailConfirmed, UserKind = user.Kind, user.Role, user.IsOperator,
            OrganizationId = organization.Id, organization.Slug, OrganizationName = organization.Name,
            key.Id, key.Name, key.Scopes, key.CreatedAt, key.ExpiresAt, GraceEndsAt = (DateTime?)cut.GraceEndsAt, Maximum = cut.ApiKeyMaximumDays, secret.EndsAt,
            key.AllowedAddresses, user.PausedFrom,
        };

    /// <summary>The API key that a token was exchanged for, while the token and the application that has it count.</summary>
    internal static IQueryable ApiKeyById(ActivateDbContext database, TokenAt at) =>
        from key in database.ApiKeys
        where key.Id == at.Row
        let user = key.Owner!
        let organization = user.Organization!
        from cut in database.PolicyCuts
            .Where(cut => cut.OrganizationId == user.OrganizationId && cut.Version > key.PolicyVersion && cut.DoneAt == null).DefaultIfEmpty()
        select new
        {
            user.Disabled,
            Suspended = organization.Suspended || !database.Applications.Any(application => application.ClientId == at.ClientId && !application.Suspended)
                || database.EndedTokens.Any(token => token.Id == at.Token),
            UserId = user.Id, user.UserName, user.DisplayName, user.Email, user.EmailConfirmed, UserKind = user.Kind, user.Role, user.IsOperator,
            OrganizationId = organization.Id, organization.Slug, OrganizationName = organization.Name,
            key.Id, key.Name, key.Scopes, key.CreatedAt, key.ExpiresAt, GraceEndsAt = (DateTime?)cut.GraceEndsAt, Maximum = cut.ApiKeyMaximumDays, EndsAt = (DateTime?)null,
            key.AllowedAddresses, user.PausedFrom,
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
            UserId = user.Id, user.UserName, user.DisplayName, user.Email, user.EmailConfirmed, UserKind = user.Kind, user.Role, user.IsOperator,
            OrganizationId = organization.Id, organization.Slug, OrganizationName = organization.Name,
            grant.Id, grant.Name, grant.Scopes, grant.CreatedAt, grant.ExpiresAt, GraceEndsAt = (DateTime?)cut.GraceEndsAt, Maximum = cut.TokenMaximumHours,
            grant.Kind, grant.ClientId, grant.Interactive, grant.AuthenticatedAt, grant.Claims, user.PausedFrom, grant.Methods,
        };

    /// <summary>The grant that a token without a row stands on, while the token, the application that has it and the application of the grant count.</summary>
    internal static IQueryable GrantById(ActivateDbContext database, TokenAt at) =>
        from grant in database.TokenGrants
        where grant.Id == at.Row
        let user = grant.Owner!
        let organization = user.Organization!
        from cut in database.PolicyCuts
            .Where(cut => cut.OrganizationId == user.OrganizationId && cut.Version > grant.PolicyVersion && cut.DoneAt == null).DefaultIfEmpty()
        select new
        {
            user.Disabled,
            Suspended = organization.Suspended || !database.Applications.Any(application => application.ClientId == at.ClientId && !application.Suspended)
                || database.Applications.Any(application => application.ClientId == grant.ClientId && application.Suspended)
                || database.EndedTokens.Any(token => token.Id == at.Token),
            UserId = user.Id, user.UserName, user.DisplayName, user.Email, user.EmailConfirmed, UserKind = user.Kind, user.Role, user.IsOperator,
            OrganizationId = organization.Id, organization.Slug, OrganizationName = organization.Name,
            grant.Id, grant.Name, grant.Scopes, grant.CreatedAt, grant.ExpiresAt, GraceEndsAt = (DateTime?)cut.GraceEndsAt,
            // A chain that is renewed is held to the limit of refreshing, in hours like the limit of tokens.
            Maximum = grant.RefreshPlace != null ? cut.RefreshMaximumDays * 24 : cut.TokenMaximumHours,
            grant.Kind, grant.ClientId, grant.Interactive, grant.AuthenticatedAt, grant.Claims, user.PausedFrom, grant.Methods,
        };

    /// <summary>An application that acts for itself, while it and its token count.</summary>
    internal static IQueryable ApplicationByClientId(ActivateDbContext database, TokenAt at) =>
        from application in database.Applications
        where application.ClientId == at.ClientId
        select new
        {
            application.Suspended,
            Ended = (application.Organization != null && application.Organization.Suspended) || database.EndedTokens.Any(token => token.Id == at.Token),
            application.Id, application.DisplayName, application.OrganizationId,
            Slug = application.Organization == null ? null : application.Organization.Slug,
            OrganizationName = application.Organization == null ? null : application.Organization.Name,
        };

    private Caller ApiKey(DbDataReader row, Caller? before)
    {
        var end = End(row, CredentialKind.ApiKey);
        var secretEnd = Time(row, 20);
        return Soonest(before, Read(row, CredentialKind.ApiKey, secretEnd is { } early && (end is not { } late || early < late) ? early : end,
            clientId: null, interactive: false, authenticatedAt: null, claims: null, Time(row, 22), Text(row, 21)));
    }

    private Caller Grant(DbDataReader row, Caller? before)
    {
        var kind = (CredentialKind)row.GetInt32(20);
        return Soonest(before, Read(row, kind, End(row, kind), row.GetString(21), row.GetBoolean(22), Time(row, 23), Text(row, 24), Time(row, 25), methods: Text(row, 26)));
    }

    private Caller Application(DbDataReader row, Caller? before)
    {
        if (row.GetBoolean(0) || row.GetBoolean(1))
            return s_outOfStanding;
        var id = row.GetId(2);
        return new Caller
        {
            Kind = CredentialKind.Token, CredentialId = id, CredentialName = Text(row, 3) ?? "", Scopes = [], Audiences = [], IssuedAt = default, ExpiresAt = null, TokenId = "",
            UserId = id, Username = "", UserKind = UserKind.ServiceAccount, Role = Role.Member, IsApplication = true,
            OrganizationId = row.IsDBNull(4) ? Guid.Empty : row.GetId(4), OrganizationSlug = Text(row, 5) ?? "", OrganizationName = Text(row, 6) ?? "",
        };
    }

    /// <summary>The end under the cut of this row, if there is one.</summary>
    private static DateTime? End(DbDataReader row, CredentialKind kind)
    {
        var end = Time(row, 17);
        if (Time(row, 18) is not { } graceEndsAt)
            return end;
        int? maximum = row.IsDBNull(19) ? null : row.GetInt32(19);
        return PolicyCut.End(kind, Time(row, 16)!.Value, end, graceEndsAt, maximum, maximum, null);
    }

    /// <summary>Under several cuts the soonest end counts.</summary>
    private static Caller Soonest(Caller? a, Caller b) => a is null || (b.ExpiresAt is { } end && !(a.ExpiresAt <= end)) ? b : a;

    private Caller Read(DbDataReader row, CredentialKind kind, DateTime? expiresAt, string? clientId, bool interactive, DateTime? authenticatedAt, string? claims,
        DateTime? pausedFrom, string? allowedAddresses = null, string? methods = null)
    {
        if (row.GetBoolean(0) || row.GetBoolean(1) || pausedFrom <= _clock.GetUtcNow().UtcDateTime)
            return s_outOfStanding;
        var role = (Role)row.GetInt32(8);
        string[] scopes = [.. Scopes.AllowedTo(role, Scopes.Split(row.GetString(15)))];
        var id = row.GetId(13);
        return new Caller
        {
            Kind = kind,
            CredentialId = id,
            CredentialName = row.GetString(14),
            Scopes = scopes,
            Audiences = Caller.AudiencesFor(scopes, resources: null, _origin),
            IssuedAt = Time(row, 16)!.Value,
            ExpiresAt = expiresAt,
            TokenId = id.ToString(),
            ClientId = clientId,
            Interactive = interactive,
            AuthenticatedAt = authenticatedAt,
            AuthenticationMethods = methods,
            Claims = claims,
            AllowedAddresses = allowedAddresses is null ? null : AllowedAddresses.Read(allowedAddresses),
            UserId = row.GetId(2),
            Username = row.GetString(3),
            DisplayName = Text(row, 4),
            Email = Text(row, 5),
            EmailVerified = row.GetBoolean(6),
            UserKind = (UserKind)row.GetInt32(7),
            Role = role,
            IsOperator = row.GetBoolean(9),
            OrganizationId = row.GetId(10),
            OrganizationSlug = row.GetString(11),
            OrganizationName = row.GetString(12),
        };
    }

    private static string? Text(DbDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);

    internal static DateTime? Time(DbDataReader row, int column) => row.IsDBNull(column) ? null : DateTime.SpecifyKind(row.GetDateTime(column), DateTimeKind.Utc);
}

/// <summary>Where an access token without a row is looked up.</summary>
/// <param name="Row">The grant or API key it stands on.</param>
/// <param name="Token">Its own id (<c>jti</c>).</param>
/// <param name="ClientId">The client it was issued to.</param>
internal readonly record struct TokenAt(Guid Row, Guid Token, string ClientId)
{
    /// <summary>The value of a parameter of the queries above, which EF Core names after the member it comes from.</summary>
    public static object Value(TokenAt at, string parameter) =>
        parameter.EndsWith(nameof(Row), StringComparison.Ordinal) ? at.Row
        : parameter.EndsWith(nameof(Token), StringComparison.Ordinal) ? at.Token
        : parameter.EndsWith(nameof(ClientId), StringComparison.Ordinal) ? at.ClientId
        : throw new InvalidOperationException($"No value for the parameter {parameter}.");
}
