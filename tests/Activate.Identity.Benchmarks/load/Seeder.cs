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
    private const int Users = 30_000;
    private const int SshKeysEach = 3;

    public static async Task RunAsync(string folder, int keys, int tokens, string output)
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

        await AddUsersWithSshKeysAsync(scope.ServiceProvider, owner, now, output);
        await File.WriteAllLinesAsync(Path.Combine(output, "keys.txt"), secrets.Select(secret => secret.Reveal()));
        await File.WriteAllLinesAsync(Path.Combine(output, "tokens.txt"), written);
        Console.WriteLine($"seeded {keys} keys and {tokens} tokens, {Users} users with {SshKeysEach} SSH keys each");
    }

    /// <summary>Users with SSH keys, and the cluster that asks for them.</summary>
    private static async Task AddUsersWithSshKeysAsync(IServiceProvider services, User owner, DateTime now, string output)
    {
        var database = services.GetRequiredService<ActivateDbContext>();
        var registered = await services.GetRequiredService<ClusterRegistry>().CreateAsync(new AuditActor(owner.Id, owner.OrganizationId, null), "cluster", "cluster.example.test", ClusterAccess.Everyone, default);
        if (!registered.TryGet(out var cluster, out var problem))
            throw new InvalidOperationException(problem.Detail);
        foreach (var chunk in Enumerable.Range(0, Users).Chunk(2000))
        {
            foreach (var i in chunk)
            {
                var user = new User
                {
                    Id = Guid.CreateVersion7(now), OrganizationId = owner.OrganizationId, UserName = $"user{i}", NormalizedUserName = $"user{i}", Role = Role.Member, CreatedAt = now,
                    Email = $"user{i}@example.test", NormalizedEmail = $"user{i}@example.test",
                };
                database.Users.Add(user);
                for (var k = 0; k < SshKeysEach; k++)
                {
                    var blob = RandomNumberGenerator.GetBytes(51);
                    database.SshKeys.Add(new SshKey
                    {
                        Id = Guid.CreateVersion7(now), OwnerId = user.Id, Name = $"key {k}", NormalizedName = $"KEY {k}", Fingerprint = SHA256.HashData(blob), Algorithm = "ssh-ed25519",
                        PublicKey = $"ssh-ed25519 {Convert.ToBase64String(blob)} user{i}@laptop", CreatedAt = now, FirstAddedAt = now, ExpiresBecause = ExpiresBecause.Requested,
                    });
                }
            }

            await database.SaveChangesAsync();
            database.ChangeTracker.Clear();
        }

        await File.WriteAllLinesAsync(Path.Combine(output, "users.txt"), Enumerable.Range(0, Users).Select(i => $"user{i}"));
        await File.WriteAllTextAsync(Path.Combine(output, "cluster.txt"), cluster.Key.Secret.Reveal());
    }
}
