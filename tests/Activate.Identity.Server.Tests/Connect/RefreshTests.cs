using System.Net.Http;
using Activate.Identity.Core.Expiration;
using Activate.Identity.Core.Tokens;
using Activate.Identity.Data.Audit;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Tests.Connect;

/// <summary>Refresh tokens (RFC 6749 §6, RFC 9700 §4.14): rotation, the grace for honest doubles, thieves, both ends, and what ends them early.</summary>
[Trait("Database", "Differs")]
public sealed class RefreshTests(SharedNodesWithClock shared) : IClassFixture<SharedNodesWithClock>
{
    private const string Secret = "s3cret";
    private readonly TestServer _server = shared.Server;

    private async Task<int> MeAsync(string credential, int node = 0) => (await _server.ApiAsync(HttpMethod.Get, "/api/v1/me", credential, node: node)).Status;

    private async Task<(string Client, string Username, Answer Tokens)> ConnectAsync(string scope = "openid profile offline_access platform")
    {
        var client = shared.NewName("app");
        await _server.RegisterApplicationAsync(client, Secret, $"{_server.Origin.GetLeftPart(UriPartial.Authority)}/api");
        var (username, browser) = await shared.NewUserAsync();
        using (browser)
        {
            var tokens = await _server.ConnectAsync(browser, client, Secret, scope);
            Assert.True(tokens.Status == 200, tokens.ToString());
            return (client, username, tokens);
        }
    }

    private Task<Answer> RefreshAsync(string client, Answer tokens, int node = 0, params (string, string)[] more) => _server.RefreshAsync(client, Secret, tokens.Text("refresh_token"), node, more);

    private void AssertRefused(Answer answer, string error = "invalid_grant") => Assert.True(answer is { Status: 400 } && answer.Error == error, answer.ToString());

    [Fact, Trait("Case", "T1")]
    public async Task A_refresh_gives_new_tokens_and_the_old_refresh_token_counts_no_more()
    {
        var (client, _, first) = await ConnectAsync();
        var second = await RefreshAsync(client, first);
        Assert.True(second.Status == 200, second.ToString());
        Assert.NotEqual(first.Text("refresh_token"), second.Text("refresh_token"));
        Assert.NotEqual(first.Text("access_token"), second.Text("access_token"));
        Assert.Matches($"^{RefreshToken.Pattern}$", second.Text("refresh_token"));
        Assert.Equal(3600, second.Json.GetProperty("expires_in").GetInt32());
        Assert.Equal((200, 200), (await MeAsync(first.Text("access_token")), await MeAsync(second.Text("access_token"))));
        Assert.True(second.Has("id_token"));
        Assert.Equal(200, (await RefreshAsync(client, second)).Status);
    }

    [Fact, Trait("Case", "R3")]
    public async Task Two_honest_processes_that_refresh_with_one_token_both_end_on_the_same_living_chain()
    {
        var (client, _, first) = await ConnectAsync();
        var (one, two) = (await RefreshAsync(client, first), await RefreshAsync(client, first, node: 1));
        Assert.Equal((200, 200), (one.Status, two.Status));
        Assert.Equal(one.Text("refresh_token"), two.Text("refresh_token"));
        Assert.Equal((200, 200), (await MeAsync(one.Text("access_token")), await MeAsync(two.Text("access_token"))));
        Assert.Equal(200, (await RefreshAsync(client, two)).Status);
    }

    [Fact, Trait("Case", "T2")]
    public async Task A_refresh_token_that_comes_again_after_the_grace_ends_the_whole_chain_everywhere()
    {
        var (client, username, first) = await ConnectAsync();
        var second = await RefreshAsync(client, first);
        _server.Clock!.Advance(RefreshRule.Grace);
        AssertRefused(await RefreshAsync(client, first));
        AssertRefused(await RefreshAsync(client, second));
        Assert.Equal((401, 401), (await MeAsync(first.Text("access_token")), await MeAsync(second.Text("access_token"))));
        _server.Clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(401, await MeAsync(second.Text("access_token"), node: 1));
        Assert.Equal("{\"active\":false}", (await _server.IntrospectAsync(client, Secret, second.Text("access_token"))).Body);
        Assert.Equal(1, await _server.QueryAsync(database => database.AuditEvents.CountAsync(e => e.Type == AuditTypes.RefreshTokenReplayed && e.ClientId == client && !e.Succeeded)));
        Assert.NotEmpty(username);
    }

    [Fact, Trait("Case", "T2")]
    public async Task A_refresh_token_two_places_behind_ends_the_chain_also_within_the_grace()
    {
        var (client, _, first) = await ConnectAsync();
        var third = await RefreshAsync(client, await RefreshAsync(client, first));
        AssertRefused(await RefreshAsync(client, first));
        AssertRefused(await RefreshAsync(client, third));
    }

    [Fact, Trait("Case", "T2")]
    public async Task A_made_up_refresh_token_ends_nothing()
    {
        var (client, _, first) = await ConnectAsync();
        var text = first.Text("refresh_token");
        for (var i = 4; i < text.Length; i += 7)
            AssertRefused(await _server.RefreshAsync(client, Secret, text[..i] + (text[i] == 'A' ? 'B' : 'A') + text[(i + 1)..]));
        foreach (var other in new[] { "x", "pwr_", text[..^1], text + "A", new string('é', 74) })
            AssertRefused(await _server.RefreshAsync(client, Secret, other));
        Assert.Equal(200, (await RefreshAsync(client, first)).Status);
    }

    [Fact, Trait("Case", "T4")]
    public async Task Another_client_cannot_redeem_it_and_does_no_harm()
    {
        var (client, _, first) = await ConnectAsync();
        var other = shared.NewName("app");
        await _server.RegisterApplicationAsync(other, "other");
        AssertRefused(await _server.RefreshAsync(other, "other", first.Text("refresh_token")));
        AssertRefused(await _server.RefreshAsync(client, "wrong", first.Text("refresh_token")) is { Status: 401 } refused ? refused with { Status = 400 } : throw new InvalidOperationException(), "invalid_client");
        Assert.Equal(200, (await RefreshAsync(client, first)).Status);
    }

    [Fact, Trait("Case", "T5")]
    public async Task It_gives_fewer_scopes_but_never_more_and_the_chain_keeps_all_that_was_granted()
    {
        var (client, _, first) = await ConnectAsync("openid offline_access platform credentials:read");
        AssertRefused(await RefreshAsync(client, first, 0, ("scope", "platform organization:read")), "invalid_scope");
        var narrow = await RefreshAsync(client, first, 0, ("scope", "platform"));
        Assert.Equal((200, "platform"), (narrow.Status, narrow.Text("scope")));
        Assert.Equal("platform", (await _server.IntrospectAsync(client, Secret, narrow.Text("access_token"))).Text("scope"));
        var wide = await RefreshAsync(client, narrow);
        Assert.Equal((200, "openid offline_access platform credentials:read"), (wide.Status, wide.Text("scope")));
    }

    [Fact, Trait("Case", "T6")]
    public async Task It_dies_at_the_absolute_end_though_it_is_used_every_day()
    {
        var (client, _, tokens) = await ConnectAsync();
        for (var day = 1; day < Policy.Fresh.Applications.RefreshMaximumDays; day++)
        {
            _server.Clock!.Advance(TimeSpan.FromDays(1));
            tokens = await RefreshAsync(client, tokens);
            Assert.True(tokens.Status == 200, $"day {day}: {tokens}");
        }

        // The last access token does not outlive the chain either.
        _server.Clock!.Advance(TimeSpan.FromHours(23.5));
        var last = await RefreshAsync(client, tokens);
        Assert.InRange(last.Json.GetProperty("expires_in").GetInt32(), 1, 1800);
        _server.Clock.Advance(TimeSpan.FromHours(0.5));
        AssertRefused(await RefreshAsync(client, last));
        Assert.Equal(401, await MeAsync(last.Text("access_token")));
    }

    [Fact, Trait("Case", "T6")]
    public async Task It_dies_when_it_is_not_used_for_a_month()
    {
        var (client, _, tokens) = await ConnectAsync();
        _server.Clock!.Advance(RefreshRule.Idle - TimeSpan.FromSeconds(1));
        tokens = await RefreshAsync(client, tokens);
        Assert.Equal(200, tokens.Status);
        _server.Clock.Advance(RefreshRule.Idle);
        AssertRefused(await RefreshAsync(client, tokens));
    }

    [Fact]
    public async Task What_the_registration_may_ask_for_no_longer_is_renewed_no_more()
    {
        var (client, _, tokens) = await ConnectAsync();
        await _server.QueryAsync(database => database.Applications.Where(a => a.ClientId == client)
            .ExecuteUpdateAsync(set => set.SetProperty(a => a.Permissions, a => a.Permissions!.Replace("\"scp:platform\"", "\"scp:nothing\""))));
        await _server.SuspendApplicationAsync(client, suspended: false);
        tokens = await RefreshAsync(client, tokens);
        Assert.Equal((200, "openid profile offline_access"), (tokens.Status, tokens.Text("scope")));
    }

    [Theory, Trait("Case", "T7"), Trait("Case", "T8"), Trait("Case", "O11"), Trait("Case", "I6")]
    [InlineData("user disabled")]
    [InlineData("user removed")]
    [InlineData("organization suspended")]
    [InlineData("application suspended")]
    [InlineData("application deleted")]
    [InlineData("session ended")]
    [InlineData("policy allows no applications")]
    public async Task It_dies_with_what_it_stands_on(string what)
    {
        var organization = (await _server.CreateOrganizationAsync(shared.NewName("org"))).Id;
        var client = shared.NewName("app");
        await _server.RegisterApplicationAsync(client, Secret, $"{_server.Origin.GetLeftPart(UriPartial.Authority)}/api");
        var (username, browser) = await shared.NewUserAsync(organizationId: organization);
        using var person = browser;
        var tokens = await _server.ConnectAsync(person, client, Secret);
        Assert.Equal((200, 200), (tokens.Status, await MeAsync(tokens.Text("access_token"), 1)));
        switch (what)
        {
            case "user disabled":
                await _server.QueryAsync(database => database.Users.Where(u => u.UserName == username).ExecuteUpdateAsync(set => set.SetProperty(u => u.Disabled, true)));
                break;
            case "user removed":
                await _server.QueryAsync(database => database.Users.Where(u => u.UserName == username).ExecuteDeleteAsync());
                break;
            case "organization suspended":
                await _server.QueryAsync(database => database.Organizations.Where(o => o.Id == organization).ExecuteUpdateAsync(set => set.SetProperty(o => o.Suspended, true)));
                break;
            case "application suspended":
                await _server.SuspendApplicationAsync(client);
                break;
            case "application deleted":
                await _server.QueryAsync(database => database.Applications.Where(a => a.ClientId == client).ExecuteDeleteAsync());
                break;
            case "session ended":
                await _server.QueryAsync(database => database.TokenGrants.Where(g => g.ClientId == client).ExecuteDeleteAsync());
                break;
            default:
                await _server.QueryAsync(database => database.Organizations.Where(o => o.Id == organization)
                    .ExecuteUpdateAsync(set => set.SetProperty(o => o.Policy, """{"applications":{"allowed":"none"}}""").SetProperty(o => o.PolicyVersion, o => o.PolicyVersion + 1)));
                break;
        }

        _server.Clock!.Advance(TimeSpan.FromSeconds(1));
        for (var node = 0; node < 2; node++)
        {
            var refused = await RefreshAsync(client, tokens, node);
            Assert.True(refused.Status is 400 or 401 && refused.Error is "invalid_grant" or "unauthorized_client" or "invalid_client", refused.ToString());
            // Allowing no applications ends what they may get, not what they have for the rest of the hour.
            Assert.Equal(what == "policy allows no applications" ? 200 : 401, await MeAsync(tokens.Text("access_token"), node));
        }
    }

    [Fact, Trait("Case", "V2")]
    public async Task Revoking_any_token_of_a_sign_in_ends_all_of_them_on_every_node()
    {
        var rs = shared.NewName("rs");
        await _server.RegisterApplicationAsync(rs, Secret, $"{_server.Origin.GetLeftPart(UriPartial.Authority)}/api");
        foreach (var which in new[] { "refresh_token", "access_token", "older refresh token" })
        {
            var (client, _, first) = await ConnectAsync();
            var second = await RefreshAsync(client, first);
            Assert.Equal((200, true), await AskedAsync(0));
            var token = which == "older refresh token" ? first.Text("refresh_token") : second.Text(which);
            Assert.Equal(200, (await _server.PostFormAsync("/connect/revoke", [("token", token)], authorization: TestServer.Basic(client, Secret))).Status);
            Assert.Equal((401, 401), (await MeAsync(first.Text("access_token")), await MeAsync(second.Text("access_token"))));
            AssertRefused(await RefreshAsync(client, second));
            _server.Clock!.Advance(TimeSpan.FromSeconds(1));
            Assert.Equal(401, await MeAsync(second.Text("access_token"), 1));
            foreach (var node in (int[])[0, 1])
                Assert.Equal((401, false), await AskedAsync(node));

            async Task<(int UserInfo, bool IsActive)> AskedAsync(int node) => ((await _server.ApiAsync(HttpMethod.Get, "/connect/userinfo", second.Text("access_token"), node: node)).Status,
                (await _server.IntrospectAsync(rs, Secret, second.Text("access_token"), node)).Json.GetProperty("active").GetBoolean());
        }
    }

    [Fact, Trait("Case", "V1")]
    public async Task Another_client_cannot_revoke_it()
    {
        var (client, _, first) = await ConnectAsync();
        var other = shared.NewName("app");
        await _server.RegisterApplicationAsync(other, "other");
        Assert.InRange((await _server.PostFormAsync("/connect/revoke", [("token", first.Text("refresh_token"))], authorization: TestServer.Basic(other, "other"))).Status, 200, 400);
        Assert.Equal(200, (await RefreshAsync(client, first)).Status);
    }

    [Fact, Trait("Case", "T10"), Trait("Case", "I3")]
    public async Task Refresh_tokens_and_ID_tokens_are_no_bearer_credentials_and_introspection_does_not_know_them()
    {
        var (client, _, tokens) = await ConnectAsync();
        foreach (var member in new[] { "refresh_token", "id_token" })
        {
            Assert.Equal(401, await MeAsync(tokens.Text(member)));
            Assert.Equal("{\"active\":false}", (await _server.IntrospectAsync(client, Secret, tokens.Text(member))).Body);
            Assert.Equal(401, (await _server.ApiAsync(HttpMethod.Get, "/connect/userinfo", tokens.Text(member))).Status);
        }
    }

    [Fact, Trait("Case", "A7")]
    public async Task A_code_that_comes_again_ends_the_chain_that_it_began()
    {
        var client = shared.NewName("app");
        await _server.RegisterApplicationAsync(client, Secret);
        var (_, browser) = await shared.NewUserAsync();
        using var person = browser;
        var pkce = Pkce.New();
        var code = await _server.GetCodeAsync(person, client, pkce, ("scope", "openid offline_access platform"));
        var first = await _server.RedeemAsync(client, Secret, code, pkce);
        var second = await RefreshAsync(client, first);
        _server.Clock!.Advance(TimeSpan.FromSeconds(30));
        AssertRefused(await _server.RedeemAsync(client, Secret, code, pkce));
        AssertRefused(await RefreshAsync(client, second));
        Assert.Equal((401, 401), (await MeAsync(first.Text("access_token")), await MeAsync(second.Text("access_token"))));
    }

    [Fact]
    public async Task The_command_line_never_gets_a_refresh_token() =>
        Assert.Equal("invalid_scope", (await _server.PostFormAsync("/connect/device", [("client_id", TestServer.Cli), ("scope", "platform offline_access")])).Error);

    [Fact, Trait("Case", "R4")]
    public async Task A_device_login_of_an_application_gets_a_chain_and_a_repeated_poll_the_same_one()
    {
        var client = shared.NewName("app");
        await _server.RegisterApplicationAsync(client, deviceFlow: true);
        var started = await _server.PostFormAsync("/connect/device", [("client_id", client), ("scope", "platform offline_access")]);
        var login = new DeviceLogin(started.Text("device_code"), started.Text("user_code"), started);
        var (_, browser) = await shared.NewUserAsync();
        using (await TestServer.ApproveAsync(browser, login))
        {
            var (one, two) = (await _server.PollAsync(login, 0, client), await _server.PollAsync(login, 1, client));
            Assert.Equal((200, 200), (one.Status, two.Status));
            Assert.Equal(one.Text("refresh_token"), two.Text("refresh_token"));
            Assert.Equal(3600, one.Json.GetProperty("expires_in").GetInt32());
            var next = await _server.RefreshAsync(client, null, one.Text("refresh_token"));
            Assert.Equal((200, 200), (next.Status, await MeAsync(next.Text("access_token"))));
            Assert.Equal("invalid_grant", (await _server.PollAsync(login, 0, client)).Error);
            Assert.Equal(200, await MeAsync(next.Text("access_token")));
        }
    }
}
