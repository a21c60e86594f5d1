using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Server.Tests.SshKeys;
using Activate.Identity.Testing;

namespace Activate.Identity.Server.Tests.Credentials;

[Trait("Database", "Differs")]
public sealed class EndedKeysTests
{
    [Theory]
    [InlineData("/api/v1/api-keys")]
    [InlineData("/api/v1/ssh-keys")]
    public async Task Keys_that_have_ended_are_listed_for_a_while_and_take_no_place_from_new_ones(string path)
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions
        {
            FakeClock = true, Settings = new Dictionary<string, string?> { ["ApiKeys:MaximumPerUser"] = "2", ["SshKeys:MaximumPerUser"] = "2" },
        });
        var user = await server.AddUserAsync();
        Assert.Equal((int[])[201, 201, 409], await AddAsync("a", "b", "c"));
        server.Clock!.Advance(TimeSpan.FromDays(1));
        Assert.Equal((int[])[201, 201, 409], await AddAsync("d", "e", "f"));
        Assert.Equal(4, (await server.GetAsync(path, await server.GrantAsync(user.Id))).Items());

        async Task<int[]> AddAsync(params string[] names)
        {
            var session = await server.GrantAsync(user.Id);
            var statuses = new List<int>();
            foreach (var name in names)
            {
                var answer = await server.PostAsync(path, session, path.Contains("ssh", StringComparison.Ordinal)
                    ? (object)new { name, publicKey = SshTestKeys.Ed25519(), expiresInDays = 1 }
                    : new { name, expiresInDays = 1 });
                statuses.Add(answer.Status);
            }

            return [.. statuses];
        }
    }
}
