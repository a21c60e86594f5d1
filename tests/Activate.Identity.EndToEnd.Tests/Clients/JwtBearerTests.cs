using System.Diagnostics;
using Activate.Identity.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.JsonWebTokens;

namespace Activate.Identity.EndToEnd.Tests.Clients;

/// <summary><c>Microsoft.AspNetCore.Authentication.JwtBearer</c> at an API that checks our access tokens without asking us.</summary>
public sealed class JwtBearerTests
{
    private static readonly string[] s_grants = ["client_credentials"];
    private static readonly string[] s_platform = ["platform"];

    [Fact]
    public async Task It_takes_access_tokens_for_its_audience_and_nothing_else_and_recovers_when_the_signing_key_changes()
    {
        var clock = new ShiftedClock();
        await using var server = await TestServer.StartAsync(new() { Customize = builder => builder.Services.AddSingleton<TimeProvider>(clock) });
        var administrator = await server.LoginWithDeviceAsync();
        await RegisterAsync(server, administrator, new { name = "Api", type = "resourceServer", scopes = Array.Empty<string>(), resources = new[] { ClientsServer.Resource } });
        var service = await RegisterAsync(server, administrator, new { name = "Nightly", type = "service", grants = s_grants, scopes = s_platform });
        var (id, secret) = (service.Text("clientId"), service.Text("clientSecret"));
        async Task<string> TokenAsync(params (string, string)[] more)
        {
            var answer = await server.PostFormAsync("/connect/token", [("grant_type", "client_credentials"), .. more], 0, TestServer.Basic(id, secret));
            Assert.True(answer.Status == 200, answer.ToString());
            return answer.Text("access_token");
        }

        var home = new Uri($"http://127.0.0.1:{RunningProgram.FreePort()}");
        await using var api = await AspNetCoreProgram.StartApiAsync(home, options => (options.Authority, options.Audience) = (server.Origin.ToString(), ClientsServer.Resource));
        using var guest = new Guest(home);

        var first = await TokenAsync(("resource", ClientsServer.Resource));
        var accepted = await guest.GoAsync("/", first);
        Assert.Equal((200, id), (accepted.Status, accepted.Body));
        using (var browser = await server.SignInAsync())
        {
            await server.RegisterApplicationAsync("portal", "the secret of the portal");
            var idToken = (await server.ConnectAsync(browser, "portal", "the secret of the portal")).Text("id_token");
            foreach (var other in new[] { await TokenAsync(), idToken, (await server.CreateApiKeyAsync(administrator, "a")).Key, null })
                Assert.Equal(401, (await guest.GoAsync("/", other)).Status);
        }

        // Another key signs ten minutes after the rotation.
        Assert.Equal(200, (await server.ApiAsync(HttpMethod.Post, "/api/v1/signing-keys/rotate", administrator)).Status);
        clock.Offset = TimeSpan.FromMinutes(11);
        var waited = Stopwatch.StartNew();
        string second;
        while (KeyOf(second = await TokenAsync(("resource", ClientsServer.Resource))) == KeyOf(first))
        {
            Assert.True(waited.Elapsed < TimeSpan.FromSeconds(60), "The new key never signs.");
            await Task.Delay(200);
        }

        // The handler reads the keys again when it meets one that it does not know; but at most every five minutes, for which reason a forged token comes last.
        while ((await guest.GoAsync("/", second)).Status != 200)
        {
            Assert.True(waited.Elapsed < TimeSpan.FromSeconds(120), "The handler never reads the keys again.");
            await Task.Delay(200);
        }

        Assert.Equal(200, (await guest.GoAsync("/", first)).Status);
        Assert.Equal(401, (await guest.GoAsync("/", second[..^2])).Status);
    }

    private static string KeyOf(string token) => new JsonWebToken(token).Kid;

    private static async Task<Answer> RegisterAsync(TestServer server, string administrator, object body)
    {
        var answer = await server.ApiAsync(HttpMethod.Post, "/api/v1/organization/applications", administrator, body);
        Assert.True(answer.Status == 201, answer.ToString());
        return answer;
    }

    /// <summary>The real clock, ahead by as much as the test says.</summary>
    private sealed class ShiftedClock : TimeProvider
    {
        public TimeSpan Offset { get; set; }

        public override DateTimeOffset GetUtcNow() => System.GetUtcNow() + Offset;
    }
}
