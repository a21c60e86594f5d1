using System.Net.Http;
using System.Net.Http.Headers;
using System.Text.Json;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Tests.Connect;

/// <summary>OpenID Connect Core §5.3: what an access token lets an application know about a person.</summary>
public sealed class UserInfoTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private const string Path = "/connect/userinfo";
    private readonly TestServer _server = shared.Server;

    [Fact, Trait("Case", "U5")]
    public async Task It_says_the_same_as_the_ID_token_by_GET_and_by_POST()
    {
        var (username, browser) = await shared.NewUserAsync(Core.Organizations.Role.Admin);
        var client = shared.NewName("app");
        await _server.RegisterApplicationAsync(client, "s3cret");
        var pkce = Pkce.New();
        var code = await _server.GetCodeAsync(browser, client, pkce, ("scope", "openid profile email"));
        var tokens = await _server.RedeemAsync(client, "s3cret", code, pkce);
        var id = JsonDocument.Parse(System.Buffers.Text.Base64Url.DecodeFromChars(tokens.Text("id_token").Split('.')[1])).RootElement;
        var access = tokens.Text("access_token");
        foreach (var answer in (Answer[])[await AskAsync(HttpMethod.Get, access), await AskAsync(HttpMethod.Post, access), await AskAsync(HttpMethod.Post, null, ("access_token", access))])
        {
            Assert.Equal(200, answer.Status);
            Assert.Contains("no-store", answer.Header("Cache-Control"), StringComparison.Ordinal);
            Assert.Equal(["acr", "amr", "auth_time", "email", "email_verified", "groups", "name", "organization", "preferred_username", "role", "sub"], answer.Json.EnumerateObject().Select(member => member.Name).Order(StringComparer.Ordinal));
            Assert.Equal((username, "admin", $"{username}@example.test", JsonValueKind.False),
                (answer.Text("preferred_username"), answer.Text("role"), answer.Text("email"), answer.Json.GetProperty("email_verified").ValueKind));
            foreach (var member in answer.Json.EnumerateObject())
                Assert.Equal(member.Value.ToString(), id.GetProperty(member.Name).ToString());
        }
    }

    [Theory, Trait("Case", "U5")]
    [InlineData("openid", "auth_time sub")]
    [InlineData("openid email", "auth_time email email_verified sub")]
    [InlineData("openid profile platform", "auth_time groups name organization preferred_username role sub")]
    public async Task It_says_no_more_than_the_scopes_allow(string scope, string members)
    {
        var user = await _server.AddUserAsync(username: shared.NewName("info"));
        var answer = await AskAsync(HttpMethod.Get, await _server.GrantAsync(user.Id, scope));
        Assert.Equal(members, string.Join(' ', answer.Json.EnumerateObject().Select(member => member.Name).Order(StringComparer.Ordinal)));
        Assert.Equal(user.Id.ToString(), answer.Text("sub"));
    }

    [Fact, Trait("Case", "U5")]
    public async Task When_and_how_somebody_signed_in_for_a_device_is_told_by_its_ID_token_and_by_userinfo()
    {
        var (username, browser) = await shared.NewUserAsync(Core.Organizations.Role.Member);
        var client = shared.NewName("tv");
        await _server.RegisterApplicationAsync(client, deviceFlow: true);
        var started = await _server.PostFormAsync("/connect/device", [("client_id", client), ("scope", "openid offline_access")]);
        var login = new DeviceLogin(started.Text("device_code"), started.Text("user_code"), started);
        await TestServer.ApproveAsync(browser, login);
        var tokens = await _server.PollAsync(login, clientId: client);
        var signedIn = await _server.QueryAsync(database => database.BrowserSessions.Where(session => session.User!.UserName == username).Select(session => session.AuthenticatedAt).SingleAsync());
        var renewed = await _server.RefreshAsync(client, null, tokens.Text("refresh_token"));
        foreach (var answer in (Answer[])[tokens, renewed])
        {
            var id = JsonDocument.Parse(System.Buffers.Text.Base64Url.DecodeFromChars(answer.Text("id_token").Split('.')[1])).RootElement;
            foreach (var told in (JsonElement[])[id, (await AskAsync(HttpMethod.Get, answer.Text("access_token"))).Json])
            {
                Assert.Equal(("1", "pwd", new DateTimeOffset(signedIn, TimeSpan.Zero).ToUnixTimeSeconds()),
                    (told.GetProperty("acr").GetString(), Assert.Single(told.GetProperty("amr").EnumerateArray()).GetString(), told.GetProperty("auth_time").GetInt64()));
            }
        }
    }

    [Fact, Trait("Case", "U5"), Trait("Case", "T10"), Trait("Case", "B7")]
    public async Task Whatever_is_no_living_access_token_for_sign_in_is_refused()
    {
        var user = await _server.AddUserAsync(Core.Organizations.Role.Owner, shared.NewName("info"));
        var session = await _server.GrantAsync(user.Id);
        var key = (await _server.ApiAsync(HttpMethod.Post, "/api/v1/api-keys", session, new { name = "key" })).Text("key");
        foreach (var wrong in (string?[])[null, "nonsense", session[..^2], key])
        {
            var refused = await AskAsync(HttpMethod.Get, wrong);
            Assert.InRange(refused.Status, 400, 401);
            Assert.StartsWith("Bearer", refused.Header("WWW-Authenticate"), StringComparison.Ordinal);
            Assert.DoesNotContain(user.Id.ToString(), refused.Body, StringComparison.Ordinal);
        }

        var without = await AskAsync(HttpMethod.Get, await _server.GrantAsync(user.Id, "platform profile"));
        Assert.Equal(403, without.Status);
        Assert.Contains("insufficient_scope", without.Header("WWW-Authenticate"), StringComparison.Ordinal);
        // Not in the URL, and not twice.
        Assert.Equal(400, (await AskAsync(HttpMethod.Get, null, query: $"?access_token={session}")).Status);
        Assert.Equal(400, (await AskAsync(HttpMethod.Post, session, ("access_token", session))).Status);
        Assert.Equal(200, (await AskAsync(HttpMethod.Get, session)).Status);

        await _server.QueryAsync(database => database.Users.Where(u => u.Id == user.Id).ExecuteUpdateAsync(set => set.SetProperty(u => u.Disabled, true)));
        await Task.Delay(TimeSpan.FromSeconds(1), TestContext.Current.CancellationToken);
        Assert.Equal(401, (await AskAsync(HttpMethod.Get, session)).Status);
    }

    [Fact, Trait("Case", "A18"), Trait("Case", "A19"), Trait("Case", "L2")]
    public async Task A_token_in_the_address_or_beside_a_client_secret_is_refused_and_not_logged()
    {
        var client = shared.NewName("app");
        await _server.RegisterApplicationAsync(client, "s3cret");
        var session = await _server.GrantAsync((await _server.AddUserAsync(username: shared.NewName("info"))).Id);
        foreach (var method in new[] { HttpMethod.Get, HttpMethod.Post })
            Assert.Equal(400, (await AskAsync(method, session, query: $"?access_token={session}")).Status);
        Assert.Equal(400, (await AskAsync(HttpMethod.Post, null, $"?client_secret={session}", ("access_token", session))).Status);
        // Basic proves a client, not a person.
        Assert.InRange((await _server.PostFormAsync(Path, [("client_id", client)], authorization: TestServer.Basic(client, "s3cret"))).Status, 400, 401);
        Assert.DoesNotContain(_server.Logs.Lines, line => line.Contains(session, StringComparison.Ordinal));
    }

    private Task<Answer> AskAsync(HttpMethod method, string? bearer, params (string Name, string Value)[] fields) => AskAsync(method, bearer, "", fields);

    private async Task<Answer> AskAsync(HttpMethod method, string? bearer, string query, params (string Name, string Value)[] fields)
    {
        using var client = _server.Client();
        using var request = new HttpRequestMessage(method, Path + query);
        if (fields.Length > 0)
            request.Content = new FormUrlEncodedContent(fields.Select(field => KeyValuePair.Create(field.Name, field.Value)));
        if (bearer is not null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", bearer);
        return await Answer.FromAsync(await client.SendAsync(request));
    }
}
