using System.Security.Cryptography;
using System.Text;
using Activate.Identity.Core.ApiKeys;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Data;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Data.ApiKeys;
using Activate.Identity.Data.Organizations;
using Activate.Identity.Data.SshKeys;
using Activate.Identity.Data.Tokens;
using Activate.Identity.Server.Connect;

namespace Activate.Identity.Testing;

/// <summary>
/// Many people of a few organizations with credentials of all kinds and ages, by plain INSERTs: for stories and benchmarks. The same numbers make the same crowd, but for
/// the secrets.
/// </summary>
public sealed record Crowd(IReadOnlyList<CrowdOrganization> Organizations)
{
    /// <summary>So many rows are one transaction.</summary>
    private const int Chunk = 5_000;

    /// <summary>One key in so many has a secret that is known; of the others there is only a hash.</summary>
    private const int Known = 50;

    public static async Task<Crowd> AddAsync(ActivateDbContext database, Uri origin, DateTime now, int organizations = 3, int members = 2_000, int credentials = 20_000, string prefix = "crowd")
    {
        // To the second, as the server makes them.
        now = now.AddTicks(-(now.Ticks % TimeSpan.TicksPerSecond));
        var rows = new List<object>();
        var made = Enumerable.Range(0, organizations).Select(i =>
        {
            var organization = new Organization { Id = Guid.CreateVersion7(now), Slug = $"{prefix}-{i}", Name = $"{prefix} {i}", CreatedAt = now.AddYears(-2) };
            rows.Add(organization);
            return new CrowdOrganization(organization, [], []);
        }).ToArray();
        for (var i = 0; i < members; i++)
        {
            var organization = made[i % organizations];
            var user = new User
            {
                Id = Guid.CreateVersion7(now), OrganizationId = organization.Organization.Id, UserName = $"{prefix}{i}", NormalizedUserName = $"{prefix}{i}".ToUpperInvariant(),
                Email = $"{prefix}{i}@example.test", NormalizedEmail = $"{prefix}{i}@example.test".ToUpperInvariant(), Role = i < organizations ? Role.Owner : Role.Member,
                CreatedAt = now.AddYears(-2), SecurityStamp = "crowd",
            };
            organization.Members.Add(user);
            rows.Add(user);
        }

        for (var i = 0; i < credentials; i++)
        {
            var organization = made[i % organizations];
            var owner = organization.Members[(i / organizations) % organization.Members.Count];
            // Ages and lives that have nothing to do with each other, nor with the owner.
            var (age, life) = ((int)(i * 7919L % 400), (int)(i * 104_729L % 360));
            organization.Credentials.Add((i % 10) switch
            {
                < 5 => ApiKey(i, owner, now.AddDays(-age), life % 4 == 0 ? null : now.AddDays(1 + life)),
                < 7 => Grant(i, owner, CredentialKind.Token, now.AddHours(-(age % 20)), now.AddHours(1 + (life % 23))),
                < 8 => Grant(i, owner, CredentialKind.Session, now.AddHours(-(age % 20)), now.AddHours(1 + (life % 23))),
                _ => SshKey(i, owner, now.AddDays(-age), life % 3 == 0 ? null : now.AddDays(1 + life)),
            });
        }

        foreach (var chunk in rows.Chunk(Chunk))
        {
            database.AddRange(chunk);
            await database.SaveChangesAsync();
            database.ChangeTracker.Clear();
        }

        return new Crowd(made);

        CrowdCredential ApiKey(int i, User owner, DateTime created, DateTime? end)
        {
            var secret = i % Known == 0 ? ApiKeySecret.Generate(origin) : null;
            var key = new ApiKey
            {
                Id = Guid.CreateVersion7(created), OwnerId = owner.Id, Name = $"key {i}", NormalizedName = $"KEY {i}", Scopes = "platform credentials:read", Last4 = secret?.Last4 ?? "0000",
                CreatedAt = created, ExpiresAt = end, ExpiresBecause = ExpiresBecause.Requested, LastUsedAt = i % 3 == 0 ? null : created.AddHours(1),
                Hashes = { new ApiKeyHash { Hash = secret?.Hash() ?? RandomNumberGenerator.GetBytes(ApiKeySecret.HashLength) } },
            };
            rows.Add(key);
            return new CrowdCredential(CredentialKind.ApiKey, key.Id, owner, created, end, secret?.Reveal());
        }

        CrowdCredential Grant(int i, User owner, CredentialKind kind, DateTime created, DateTime end)
        {
            var grant = new TokenGrant
            {
                Id = Guid.CreateVersion7(created), Kind = kind, OwnerId = owner.Id, ClientId = BuiltInApplications.Cli, Name = $"grant {i}", Scopes = "platform credentials:read",
                CreatedAt = created, ExpiresAt = end, ExpiresBecause = ExpiresBecause.Requested, TokenHash = RandomNumberGenerator.GetBytes(32), Last4 = "0000",
            };
            rows.Add(grant);
            return new CrowdCredential(kind, grant.Id, owner, created, end, null);
        }

        CrowdCredential SshKey(int i, User owner, DateTime created, DateTime? end)
        {
            var blob = (byte[])[0, 0, 0, 11, .. Encoding.ASCII.GetBytes("ssh-ed25519"), 0, 0, 0, 32, .. RandomNumberGenerator.GetBytes(32)];
            var key = new SshKey
            {
                Id = Guid.CreateVersion7(created), OwnerId = owner.Id, Name = $"ssh {i}", NormalizedName = $"SSH {i}", Fingerprint = SHA256.HashData(blob), Algorithm = "ssh-ed25519",
                PublicKey = $"ssh-ed25519 {Convert.ToBase64String(blob)} {owner.UserName}@laptop", CreatedAt = created, FirstAddedAt = created, ExpiresAt = end, ExpiresBecause = ExpiresBecause.Requested,
            };
            rows.Add(key);
            return new CrowdCredential(CredentialKind.SshKey, key.Id, owner, created, end, null);
        }
    }
}

/// <param name="Organization">The row.</param>
/// <param name="Members">The first is the owner.</param>
/// <param name="Credentials">Of all of them.</param>
public sealed record CrowdOrganization(Organization Organization, List<User> Members, List<CrowdCredential> Credentials);

/// <param name="Secret">An API key that can be used; null: nobody knows it.</param>
public sealed record CrowdCredential(CredentialKind Kind, Guid Id, User Owner, DateTime CreatedAt, DateTime? ExpiresAt, string? Secret)
{
    public override string ToString() => $"{Kind} {Id}";
}
