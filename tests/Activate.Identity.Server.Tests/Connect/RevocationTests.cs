using System.Net.Http;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Testing;

namespace Activate.Identity.Server.Tests.Connect;

/// <summary>Revocation (RFC 7009): what ends, for whom, how soon, and what the answer gives away.</summary>
public sealed class RevocationTests(SharedNodesWithClock shared) : IClassFixture<SharedNodesWithClock>
{
    private const string Secret = "s3cret";
    private readonly TestServer _server = shared.Server;

    private async Task<string> LoginAsync()
    {
        var name = shared.NewName();
        await _server.CreateUserAsync(name);
        return await _server.LoginWithDeviceAsync(username: name, password: TestServer.UserPassword);
    }

    private async Task<int> MeAsync(string credential, int node = 0) => (await _server.ApiAsync(HttpMethod.Get, "/api/v1/me", credential, node: node)).Status;

    private Task<Answer> RevokeAsync(string token, params (string, string)[] more) => _server.PostFormAsync("/connect/revoke", [("token", token), .. more]);

    private async Task<string> RegisterAsync()
    {
        var client = shared.NewName("app");
        await _server.RegisterApplicationAsync(client, Secret, $"{_server.Origin.GetLeftPart(UriPartial.Authority)}/api");
        return client;
    }

    [Theory, Trait("Case", "V2"), Trait("Case", "V3")]
    [InlineData(null)]
    [InlineData("access_token")]
    [InlineData("refresh_token")]
    [InlineData("nonsense")]
    public async Task A_revoked_token_is_dead_here_at_once_and_on_the_other_node_within_a_second(string? hint)
    {
        var rs = await RegisterAsync();
        var token = await LoginAsync();
        Assert.Equal((200, 200), (await MeAsync(token), await MeAsync(token, 1)));
        var answer = hint is null ? await RevokeAsync(token, ("client_id", TestServer.Cli)) : await RevokeAsync(token, ("client_id", TestServer.Cli), ("token_type_hint", hint));
        Assert.Equal(200, answer.Status);
        Assert.Equal(401, await MeAsync(token));
        Assert.Equal("{\"active\":false}", (await _server.IntrospectAsync(rs, Secret, token)).Body);
        _server.Clock!.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(401, await MeAsync(token, 1));
        Assert.Equal("{\"active\":false}", (await _server.IntrospectAsync(rs, Secret, token, 1)).Body);
    }

    [Theory, Trait("Case", "V2")]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_is_revoked_while_its_owner_is_disabled_or_the_application_suspended_does_not_live_again_with_them(bool suspended)
    {
        var (client, name) = (await RegisterAsync(), shared.NewName());
        var user = await _server.CreateUserAsync(name);
        using var browser = await _server.SignInAsync(username: name, password: TestServer.UserPassword);
        var key = (await _server.CreateApiKeyAsync(await _server.GrantAsync(user.Id), "nightly")).Key;
        var (byAccess, byRefresh, left) = (await _server.ConnectAsync(browser, client, Secret), await _server.ConnectAsync(browser, client, Secret), await _server.ConnectAsync(browser, client, Secret));
        Task StopAsync(bool stop) => suspended ? _server.SuspendApplicationAsync(client, stop) : _server.SetDisabledAsync(name, stop);
        await StopAsync(true);
        _server.Clock!.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(401, await MeAsync(byAccess.Text("access_token")));
        foreach (var token in (string[])[byAccess.Text("access_token"), byRefresh.Text("refresh_token")])
            Assert.Equal(200, (await _server.PostFormAsync("/connect/revoke", [("token", token)], authorization: TestServer.Basic(client, Secret))).Status);
        Assert.Equal(200, (await RevokeAsync(key)).Status);
        await StopAsync(false);
        _server.Clock.Advance(TimeSpan.FromSeconds(1));
        foreach (var tokens in (Answer[])[byAccess, byRefresh])
        {
            Assert.Equal(401, await MeAsync(tokens.Text("access_token")));
            Assert.Equal("invalid_grant", (await _server.RefreshAsync(client, Secret, tokens.Text("refresh_token"))).Error);
        }

        Assert.Equal(401, await MeAsync(key));
        // The third was not revoked, and lives again.
        Assert.Equal((200, 200), (await MeAsync(left.Text("access_token")), (await _server.RefreshAsync(client, Secret, left.Text("refresh_token"))).Status));
    }

    [Fact, Trait("Case", "V1")]
    public async Task Another_client_revokes_nothing_and_cannot_tell_a_living_token_from_a_dead_one()
    {
        var other = await RegisterAsync();
        var token = await LoginAsync();
        var dead = await LoginAsync();
        await RevokeAsync(dead, ("client_id", TestServer.Cli));
        var answers = new List<Answer>();
        foreach (var credential in new[] { token, dead, "x", "ey.ey.ey" })
            answers.Add(await _server.PostFormAsync("/connect/revoke", [("token", credential)], authorization: TestServer.Basic(other, Secret)));
        Assert.Single(answers.Select(answer => (answer.Status, answer.Body)).Distinct());
        Assert.Equal(200, await MeAsync(token));
    }

    [Fact, Trait("Case", "V4")]
    public async Task The_answer_is_the_same_whatever_the_token_was()
    {
        var token = await LoginAsync();
        var key = (await _server.CreateApiKeyAsync(token, "key")).Key;
        var answers = new List<Answer>();
        foreach (var credential in new[] { key, key, "pwt_x.y", key[..^1] })
            answers.Add(await RevokeAsync(credential));
        foreach (var credential in new[] { token, token, "x", "ey.ey.ey", "pwt_x.y", new string('x', 100_000) })
            answers.Add(await RevokeAsync(credential, ("client_id", TestServer.Cli)));
        Assert.Single(answers.Select(answer => (answer.Status, answer.Body, answer.Response.Content.Headers.ToString(),
            string.Join('\n', answer.Response.Headers.Where(header => header.Key != "Date").Select(header => $"{header.Key}: {string.Join(',', header.Value)}")))).Distinct());
        Assert.Equal(200, answers[0].Status);
    }

    [Theory, Trait("Case", "V5")]
    [InlineData("without a client")]
    [InlineData("as activate-cli")]
    [InlineData("as any application")]
    [InlineData("hint")]
    public async Task Whoever_holds_an_API_key_can_revoke_it(string how)
    {
        var token = await LoginAsync();
        var (key, other) = (await _server.CreateApiKeyAsync(token, "key"), await _server.CreateApiKeyAsync(token, "other"));
        Assert.Equal((200, 200), (await MeAsync(key.Key), await MeAsync(key.Key, 1)));
        var answer = how switch
        {
            "without a client" => await RevokeAsync(key.Key),
            "hint" => await RevokeAsync(key.Key, ("token_type_hint", "access_token")),
            "as activate-cli" => await RevokeAsync(key.Key, ("client_id", TestServer.Cli)),
            _ => await _server.PostFormAsync("/connect/revoke", [("token", key.Key)], authorization: TestServer.Basic(await RegisterAsync(), Secret)),
        };
        Assert.Equal(200, answer.Status);
        Assert.Equal(401, await MeAsync(key.Key));
        _server.Clock!.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(401, await MeAsync(key.Key, 1));
        Assert.Equal((200, 200), (await MeAsync(other.Key), await MeAsync(token)));
    }

    [Fact, Trait("Case", "V4")]
    public async Task A_token_without_its_client_is_not_revoked()
    {
        var token = await LoginAsync();
        var answer = await RevokeAsync(token);
        Assert.True(answer.Status is 400 or 401, answer.ToString());
        Assert.Equal(200, await MeAsync(token));
    }

    [Fact, Trait("Case", "V5")]
    public async Task A_generated_token_is_revoked_alone_and_so_is_an_applications_token()
    {
        var session = await LoginAsync();
        var made = await _server.ApiAsync(HttpMethod.Post, "/api/v1/tokens", session, new { name = "t", expiresInHours = 2 });
        Assert.True(made.Status == 201, made.ToString());
        var (client, pkce) = (await RegisterAsync(), Pkce.New());
        var (_, browser) = await shared.NewUserAsync();
        using (browser)
        {
            var (first, second) = (await _server.GetCodeAsync(browser, client, pkce), await _server.GetCodeAsync(browser, client, pkce));
            var (one, two) = ((await _server.RedeemAsync(client, Secret, first, pkce)).Text("access_token"), (await _server.RedeemAsync(client, Secret, second, pkce)).Text("access_token"));
            await _server.PostFormAsync("/connect/revoke", [("token", one)], authorization: TestServer.Basic(client, Secret));
            Assert.Equal((401, 200), (await MeAsync(one), await MeAsync(two)));
        }

        Assert.Equal(200, await MeAsync(made.Text("token")));
        await RevokeAsync(made.Text("token"), ("client_id", TestServer.Cli));
        Assert.Equal((401, 200), (await MeAsync(made.Text("token")), await MeAsync(session)));
    }
}
