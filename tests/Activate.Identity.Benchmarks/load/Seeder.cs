using System.Security.Cryptography;
using Activate.Identity.Core.ApiKeys;
using Activate.Identity.Core.Clusters;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Data;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Data.ApiKeys;
using Activate.Identity.Data.SshKeys;
using Activate.Identity.Data.Tokens;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Clusters;
using Activate.Identity.Server.Connect;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Keys;
using Activate.Identity.Server.Setup;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Activate.Identity.Benchmarks.Load;

/// <summary>Fills a server's data folder with keys and tokens of its first owner and writes them down, one a line: only for measuring.</summary>
internal static class Seeder
{
    private const string Scopes = "platform credentials:read";
    private const int SshKeysEach = 3;

    /// <param name="users">With three SSH keys each, for the look-ups.</param>
    /// <param name="publicKey">Of one more user, <c>activate-load</c>: a line as in a .pub file. Null: there is none.</param>
    public static async Task RunAsync(string folder, int keys, int tokens, string output, int users, string? publicKey)
    {
        await using var app = Server.Program.Build([
            "--environment", "Development", $"--Data:Folder={folder}", "--Urls=http://localhost:5090",
            "--Setup:Organization=Load Lab", "--Setup:Username=ada", "--Setup:Email=ada@example.test"]);
        await app.MigrateAsync();
        await app.PrepareKeysAsync();
        await app.PrepareApplicationsAsync();
        await app.PrepareFirstOwnerAsync();
        await using var scope = app.Services.CreateAsyncScope();
        var database = scope.ServiceProvider.GetRequiredService<ActivateDbContext>();
        var owner = await database.Users.AsNoTracking().Include(u => u.Organization).FirstAsync(u => u.UserName == "ada");
        var origin = app.Services.GetRequiredService<PublicOrigin>();
        var writer = app.Services.GetRequiredService<AccessTokenWriter>();
        var now = app.Services.GetRequiredService<TimeProvider>().Now();

        var secrets = Enumerable.Range(0, keys).Select(_ => ApiKeySecret.Generate(origin.Uri)).ToArray();
        var grants = Enumerable.Range(0, tokens).Select(i => new TokenGrant
        {
            Id = Guid.CreateVersion7(now), Kind = CredentialKind.Token, OwnerId = owner.Id, ClientId = BuiltInApplications.Cli, Name = $"token {i}", Scopes = Scopes,
            CreatedAt = now, ExpiresAt = now.AddHours(24), ExpiresBecause = ExpiresBecause.Default,
        }).ToArray();
        var written = grants.AsParallel().AsOrdered().Select(grant => writer.Write(grant, owner.Organization!.Slug)).ToArray();

        foreach (var chunk in secrets.Select((secret, i) => (secret, i)).Chunk(5000))
        {
            database.ApiKeys.AddRange(chunk.Select(item => new ApiKey
            {
                Id = Guid.CreateVersion7(now), OwnerId = owner.Id, Name = $"key {item.i}", NormalizedName = $"KEY {item.i}", Scopes = Scopes, Last4 = item.secret.Last4,
                CreatedAt = now, ExpiresBecause = ExpiresBecause.Requested, Hashes = { new ApiKeyHash { Hash = item.secret.Hash() } },
            }));
            await database.SaveChangesAsync();
            database.ChangeTracker.Clear();
        }

        foreach (var chunk in grants.Chunk(5000))
        {
            database.TokenGrants.AddRange(chunk);
            await database.SaveChangesAsync();
            database.ChangeTracker.Clear();
        }

        await AddUsersWithSshKeysAsync(scope.ServiceProvider, owner, now, output, users, publicKey);
        await File.WriteAllLinesAsync(Path.Combine(output, "keys.txt"), secrets.Select(secret => secret.Reveal()));
        await File.WriteAllLinesAsync(Path.Combine(output, "tokens.txt"), written);
        Console.WriteLine($"seeded {keys} keys and {tokens} tokens, {users} users with {SshKeysEach} SSH keys each");
    }

    /// <summary>Users with SSH keys, and two clusters that ask for them.</summary>
    private static async Task AddUsersWithSshKeysAsync(IServiceProvider services, User owner, DateTime now, string output, int users, string? publicKey)
    {
        var database = services.GetRequiredService<ActivateDbContext>();
        foreach (var name in (string[])["cluster", "other-cluster"])
        {
            var registered = await services.GetRequiredService<ClusterRegistry>().CreateAsync(new AuditActor(owner.Id, owner.OrganizationId, null), name, $"{name}.example.test", ClusterAccess.Everyone, default);
            if (!registered.TryGet(out var cluster, out var problem))
                throw new InvalidOperationException(problem.Detail);
            await File.WriteAllTextAsync(Path.Combine(output, $"{name}.txt"), cluster.Key.Secret.Reveal());
        }

        foreach (var chunk in Enumerable.Range(0, users).Chunk(2000))
        {
            foreach (var i in chunk)
                Add($"user{i}", Enumerable.Range(0, SshKeysEach).Select(_ => ("ssh-ed25519", RandomNumberGenerator.GetBytes(51))));
            await database.SaveChangesAsync();
            database.ChangeTracker.Clear();
        }

        if (publicKey?.Split(' ') is [var type, var blob, ..])
            Add("activate-load", Enumerable.Range(1, SshKeysEach).Select(k => k == SshKeysEach ? (type, Convert.FromBase64String(blob)) : (type, RandomNumberGenerator.GetBytes(51))));
        await database.SaveChangesAsync();

        void Add(string username, IEnumerable<(string Type, byte[] Blob)> keys)
        {
            var user = new User
            {
                Id = Guid.CreateVersion7(now), OrganizationId = owner.OrganizationId, UserName = username, NormalizedUserName = username, Role = Role.Member, CreatedAt = now,
                Email = $"{username}@example.test", NormalizedEmail = $"{username}@example.test",
            };
            database.Users.Add(user);
            database.SshKeys.AddRange(keys.Select((key, k) => new SshKey
            {
                Id = Guid.CreateVersion7(now), OwnerId = user.Id, Name = $"key {k}", NormalizedName = $"KEY {k}", Fingerprint = SHA256.HashData(key.Blob), Algorithm = key.Type,
                PublicKey = $"{key.Type} {Convert.ToBase64String(key.Blob)} {username}@laptop", CreatedAt = now, FirstAddedAt = now, ExpiresBecause = ExpiresBecause.Requested,
            }));
        }

        await File.WriteAllLinesAsync(Path.Combine(output, "users.txt"), Enumerable.Range(0, users).Select(i => $"user{i}"));
    }
}
