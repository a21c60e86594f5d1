using System.Data.Common;
using Activate.Identity.Core.Accounts;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Data;
using Activate.Identity.Data.Organizations;
using Activate.Identity.Server.Credentials;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.SshKeys;

/// <summary>A key that may log in now.</summary>
public sealed record AuthorizedKey(Guid Id, string PublicKey, byte[] Fingerprint, DateTime? ExpiresAt);

/// <summary>The one indexed read behind every login to a cluster: a user's keys, with the cuts whose rows are not all rewritten yet.</summary>
public sealed class AuthorizedKeysReader(IServiceScopeFactory scopes, TimeProvider clock) : IAsyncDisposable
{
    private readonly PreparedRead<UserAt, Dictionary<Guid, Row>> _keys = new(scopes, KeysByUsername, new UserAt(Guid.Empty, ""), Fold, UserAt.Value);

    /// <summary>The living keys of a user in good standing, in the order in which they were added. Empty for everybody else, in the same way.</summary>
    /// <param name="organizationId">The caller's: a user of another is unknown.</param>
    /// <param name="username">As sshd has it.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async ValueTask<IReadOnlyList<AuthorizedKey>> LiveAsync(Guid organizationId, string username, CancellationToken cancellationToken)
    {
        // Nobody's name, and a database that cuts a parameter to its column would find another's.
        if (username.Length > Username.MaximumLength)
            return [];
        var rows = await _keys.ReadAsync(new UserAt(organizationId, username), cancellationToken);
        var now = clock.GetUtcNow().UtcDateTime;
        return rows is null ? [] : [.. rows.Values
            .Where(row => row.InStanding && !(row.ExpiresAt <= now))
            .OrderBy(row => row.Id)
            .Select(row => new AuthorizedKey(row.Id, row.PublicKey, row.Fingerprint, row.ExpiresAt))];
    }

    public ValueTask DisposeAsync() => _keys.DisposeAsync();

    // The order of the members is the order of the columns below. Usernames are unique on the whole server, and stored in lower case. The organization is part of the
    // question, so that a user of another costs what nobody costs: no key is read.
    internal static IQueryable KeysByUsername(ActivateDbContext database, UserAt at) =>
        from key in database.SshKeys
        let user = key.Owner!
        where user.NormalizedUserName == at.Username && user.OrganizationId == at.Organization
        from cut in database.PolicyCuts
            .Where(cut => cut.OrganizationId == user.OrganizationId && cut.Version > key.PolicyVersion && cut.DoneAt == null).DefaultIfEmpty()
        select new
        {
            key.Id, user.Disabled, user.Organization!.Suspended, key.PublicKey, key.Fingerprint, key.FirstAddedAt, key.ExpiresAt,
            GraceEndsAt = (DateTime?)cut.GraceEndsAt, Maximum = cut.SshKeyMaximumDays,
        };

    private static Dictionary<Guid, Row> Fold(DbDataReader row, Dictionary<Guid, Row>? before)
    {
        var rows = before ?? [];
        var id = row.GetGuid(0);
        if (!rows.TryGetValue(id, out var key))
        {
            rows[id] = key = new Row
            {
                Id = id,
                InStanding = !row.GetBoolean(1) && !row.GetBoolean(2),
                PublicKey = row.GetString(3),
                Fingerprint = (byte[])row.GetValue(4),
                ExpiresAt = CredentialReader.Time(row, 6),
            };
        }

        if (CredentialReader.Time(row, 7) is { } graceEndsAt)
            key.ExpiresAt = PolicyCut.End(CredentialKind.SshKey, CredentialReader.Time(row, 5)!.Value, key.ExpiresAt, graceEndsAt, null, null, row.IsDBNull(8) ? null : row.GetInt32(8));
        return rows;
    }

    private sealed class Row
    {
        public required Guid Id { get; init; }
        public required bool InStanding { get; init; }
        public required string PublicKey { get; init; }
        public required byte[] Fingerprint { get; init; }
        public DateTime? ExpiresAt { get; set; }
    }
}

/// <summary>Whose keys are looked up.</summary>
/// <param name="Organization">The caller's.</param>
/// <param name="Username">As sshd has it.</param>
internal readonly record struct UserAt(Guid Organization, string Username)
{
    /// <summary>The value of a parameter of the query above, which EF Core names after the member it comes from.</summary>
    public static object Value(UserAt at, string parameter) =>
        parameter.EndsWith(nameof(Organization), StringComparison.Ordinal) ? at.Organization
        : parameter.EndsWith(nameof(Username), StringComparison.Ordinal) ? at.Username
        : throw new InvalidOperationException($"No value for the parameter {parameter}.");
}
