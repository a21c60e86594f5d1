using Activate.Identity.Core.ApiKeys;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Data;
using Activate.Identity.Data.ApiKeys;
using Activate.Identity.Data.Tokens;
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

        await File.WriteAllLinesAsync(Path.Combine(output, "keys.txt"), secrets.Select(secret => secret.Reveal()));
        await File.WriteAllLinesAsync(Path.Combine(output, "tokens.txt"), written);
        Console.WriteLine($"seeded {keys} keys and {tokens} tokens");
    }
}
