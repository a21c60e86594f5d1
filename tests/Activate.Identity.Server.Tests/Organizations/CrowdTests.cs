using Activate.Identity.Core.Credentials;
using Activate.Identity.Data;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Activate.Identity.Server.Tests.Organizations;

/// <summary>
/// Three organizations, 2,000 members, 20,000 credentials (a tenth on PostgreSQL without LONG=1): what the preview foretells is what happens, credential by credential, and to
/// nobody else.
/// </summary>
public class CrowdTests
{
    private const int ApiKeyDays = 200, TokenHours = 15, SshKeyDays = 300;

    [Theory]
    [Trait("Case", "O5")]
    [EachDatabase]
    public async Task A_preview_is_the_effect_for_each_of_very_many_credentials_and_other_organizations_feel_nothing(DatabaseProvider provider)
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { Database = provider, FakeClock = true });
        var (members, credentials) = Tools.FullSize ? (2_000, 20_000) : (200, 2_000);
        var crowd = await server.QueryAsync(database => Crowd.AddAsync(database, server.Origin, server.Now, 3, members, credentials));
        Assert.Equal((3, members, credentials), (crowd.Organizations.Count, crowd.Organizations.Sum(o => o.Members.Count), crowd.Organizations.Sum(o => o.Credentials.Count)));
        var policy = new { apiKeys = new { maximumDays = ApiKeyDays }, tokens = new { maximumHours = TokenHours }, sshKeys = new { maximumDays = SshKeyDays } };
        var expected = new Dictionary<Guid, DateTime?>();
        // The first is cut at once, the second with two weeks of grace, the third not at all.
        foreach (var (organization, graceDays) in crowd.Organizations.Zip((int?[])[0, 14, null]))
        {
            foreach (var credential in organization.Credentials)
                expected[credential.Id] = graceDays is { } grace ? EndOf(credential, server.Now, grace) : credential.ExpiresAt;
            if (graceDays is null)
                continue;
            var session = await server.GrantAsync(organization.Members[0].Id, hours: 2);
            var (foretold, counts, etag) = await PreviewAsync(server, session, policy, graceDays.Value);
            var hit = organization.Credentials.Where(credential => expected[credential.Id] != credential.ExpiresAt).ToList();
            Assert.InRange(hit.Count, organization.Credentials.Count / 20, organization.Credentials.Count * 19 / 20);
            Assert.Equal(hit.ToDictionary(credential => credential.Id, credential => expected[credential.Id]).OrderBy(pair => pair.Key), foretold.OrderBy(pair => pair.Key));
            Assert.Equal(hit.CountBy(credential => credential.Kind).OrderBy(pair => pair.Key), counts.Where(pair => pair.Value > 0).OrderBy(pair => pair.Key));
            Assert.Equal(200, (await server.SetPolicyAsync(session, policy, "shorten", graceDays.Value, etag)).Status);
        }

        // For each check at once, by the secrets that are known.
        var known = crowd.Organizations.SelectMany(o => o.Credentials).Where(credential => credential.Secret is not null).ToList();
        Assert.True(known.Count >= credentials / 100);
        foreach (var credential in known)
        {
            var answer = await server.GetAsync("/api/v1/me", credential.Secret);
            Assert.True(answer.Status == (expected[credential.Id] <= server.Now ? 401 : 200), $"{credential} that ends {expected[credential.Id]}: {answer}");
        }

        // And in the rows, once they are rewritten. The server does it beside: whoever of the two has the claim.
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        while (true)
        {
            await server.Services().GetRequiredService<CutRewriter>().RewriteAsync(patience.Token);
            var stored = await server.QueryAsync(StoredAsync);
            var wrong = expected.Where(pair => stored[pair.Key] != pair.Value).ToList();
            if (wrong.Count == 0)
                break;
            Assert.False(patience.IsCancellationRequested, $"{wrong.Count} rows, the first {wrong[0]} and not {stored[wrong[0].Key]}.");
            await Task.Delay(100, TestContext.Current.CancellationToken);
        }
    }

    /// <summary>The rule of the contract, written down once more: min(stored, now + grace if that is later than created + maximum, else created + maximum).</summary>
    private static DateTime? EndOf(CrowdCredential credential, DateTime now, int graceDays)
    {
        var latest = credential.CreatedAt + (credential.Kind switch
        {
            CredentialKind.ApiKey => TimeSpan.FromDays(ApiKeyDays),
            CredentialKind.SshKey => TimeSpan.FromDays(SshKeyDays),
            _ => TimeSpan.FromHours(TokenHours),
        });
        var cut = now.AddDays(graceDays) > latest ? now.AddDays(graceDays) : latest;
        return credential.ExpiresAt < cut ? credential.ExpiresAt : cut;
    }

    private static async Task<(Dictionary<Guid, DateTime?> Foretold, Dictionary<CredentialKind, int> Counts, string ETag)> PreviewAsync(
        TestServer server, string session, object policy, int graceDays)
    {
        var foretold = new Dictionary<Guid, DateTime?>();
        for (string? after = null; ;)
        {
            var page = await server.PreviewAsync(session, policy, graceDays: graceDays, query: $"?limit=200{(after is null ? "" : $"&after={after}")}");
            Assert.True(page.Status == 200, page.ToString());
            foreach (var item in page.Json.GetProperty("affected").EnumerateArray())
                foretold.Add(item.GetProperty("id").GetGuid(), item.Time("wouldExpireAt"));
            after = page.Json.GetProperty("next").GetString();
            if (after is null)
            {
                return (foretold, page.Json.GetProperty("counts").EnumerateObject().ToDictionary(
                    count => Enum.Parse<CredentialKind>(count.Name, ignoreCase: true), count => count.Value.GetInt32()), page.Header("ETag")!);
            }
        }
    }

    private static async Task<Dictionary<Guid, DateTime?>> StoredAsync(ActivateDbContext database) =>
        (await database.ApiKeys.Select(k => new { k.Id, k.ExpiresAt }).ToListAsync())
        .Concat(await database.SshKeys.Select(k => new { k.Id, k.ExpiresAt }).ToListAsync())
        .Concat(await database.TokenGrants.Select(g => new { g.Id, ExpiresAt = (DateTime?)g.ExpiresAt }).ToListAsync())
        .ToDictionary(row => row.Id, row => row.ExpiresAt);
}
