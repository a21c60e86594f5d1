using System.Net.Http.Headers;
using System.Text.Json;
using Activate.Identity.Core.Devices;
using Activate.Identity.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.JsonWebTokens;
using OpenIddict.Server.AspNetCore;

namespace Activate.Identity.Server.Tests.Connect;

/// <summary>
/// A request in its plain form is answered without OpenIddict, and as OpenIddict answers the same request: each is sent as it is, and once more with a parameter that nobody knows
/// (RFC 6749 §3.2: ignored), with which it goes to OpenIddict.
/// </summary>
public sealed class PlainRequestsTests(PlainRequestsTests.Fixture shared) : IClassFixture<PlainRequestsTests.Fixture>
{
    private const string Secret = "s3cret";
    private readonly TestServer _server = shared.Server;

    /// <summary>A server that says who answered.</summary>
    public sealed class Fixture : SharedServer
    {
        protected override TestServerOptions Options => new() { FakeClock = true, Customize = builder => builder.Services.AddSingleton<IStartupFilter, SayWhoAnswered>() };
    }

    private sealed class SayWhoAnswered : IStartupFilter
    {
        public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
        {
            app.Use(async (context, rest) =>
            {
                context.Response.OnStarting(() =>
                {
                    context.Response.Headers["By"] = context.Features.Get<OpenIddictServerAspNetCoreFeature>() is null ? "us" : "OpenIddict";
                    return Task.CompletedTask;
                });
                await rest(context);
            });
            next(app);
        };
    }

    private sealed record Form(AuthenticationHeaderValue? Authorization, params (string Name, string Value)[] Fields);

    private static readonly (string, string) s_own = ("grant_type", "client_credentials"), s_device = ("grant_type", TestServer.DeviceGrantType);

    private string Base => _server.Origin.GetLeftPart(UriPartial.Authority);

    private async Task<string> ClientAsync(string? secret = Secret, string? audiences = null, Guid? organizationId = null, bool deviceFlow = false)
    {
        var client = shared.NewName("client");
        await _server.RegisterApplicationAsync(client, secret, audiences, organizationId, deviceFlow);
        return client;
    }

    private Task<string> ResourceServerAsync(Guid? organizationId = null) => ClientAsync(audiences: $"{Base}/platform", organizationId: organizationId);

    private static (string, string)[] Proven(string client, string secret = Secret) => [("client_id", client), ("client_secret", secret)];

    private async Task<Answer> SendAsync(string path, Form form, bool plain, bool byUs)
    {
        var answer = await _server.PostFormAsync(path, plain ? form.Fields : [.. form.Fields, ("nobody_knows_this", "1")], authorization: form.Authorization);
        Assert.True(answer.Header("By") == (plain && byUs ? "us" : "OpenIddict"), $"{answer.Header("By")} answered {answer} to {form.Authorization?.Scheme} {string.Join(' ', form.Fields)}");
        return answer;
    }

    /// <summary>Sends both, and answers with the plain one.</summary>
    /// <param name="path">The endpoint.</param>
    /// <param name="make">Makes the request: the same each time, but for codes that are for one use.</param>
    /// <param name="byUs">Whether the plain one is to be answered without OpenIddict.</param>
    private async Task<Answer> CompareAsync(string path, Func<Task<Form>> make, bool byUs = true)
    {
        var plain = await SendAsync(path, await make(), plain: true, byUs);
        var other = await SendAsync(path, await make(), plain: false, byUs);
        Assert.Equal(other.Status, plain.Status);
        Assert.Equal(Headers(other), Headers(plain));
        Assert.Equal(Members(other), Members(plain));
        return plain;
    }

    private Task<Answer> CompareAsync(string path, Form form, bool byUs = true) => CompareAsync(path, () => Task.FromResult(form), byUs);

    /// <summary>All but those that differ from request to request. (Beside no-store, nothing that says the same again to caches of old.)</summary>
    private static List<string> Headers(Answer answer) =>
        [.. answer.Response.Headers.Concat(answer.Response.Content.Headers).Where(header => header.Key is not ("By" or "Date" or "Pragma" or "Expires")).Select(header => $"{header.Key}: {string.Join(", ", header.Value).Replace("no-store, no-cache", "no-store", StringComparison.Ordinal)}").Order(StringComparer.Ordinal)];

    private static List<string> Members(Answer answer) =>
        [.. answer.Json.EnumerateObject().Select(member => $"{member.Name}={Comparable(member)}").Order(StringComparer.Ordinal)];

    private static string Comparable(JsonProperty member) => member.Name switch
    {
        "access_token" or "id_token" => string.Join(' ', new JsonWebToken(member.Value.GetString()).Claims.Where(claim => claim.Type is not ("jti" or "sid" or "at_hash")).Select(claim => $"{claim.Type}={claim.Value}").Order(StringComparer.Ordinal)),
        "device_code" or "user_code" or "refresh_token" => $"{member.Value.GetString()!.Length} characters",
        "verification_uri_complete" => member.Value.GetString()![..^9],
        _ => member.Value.GetRawText(),
    };

    private async Task<string> OwnTokenAsync(string client) => (await _server.PostFormAsync("/connect/token", [s_own, ("scope", "platform"), .. Proven(client)])).Text("access_token");

    [Fact]
    public async Task Introspection_of_what_counts_tells_the_same()
    {
        var organization = await _server.CreateOrganizationAsync(shared.NewName("org"));
        var (client, foreign, bearer) = (await ResourceServerAsync(), await ResourceServerAsync(organization.Id), await _server.LoginWithDeviceAsync());
        var key = (await _server.CreateApiKeyAsync(bearer, "key")).Key;
        var bound = (await _server.CreateApiKeyAsync(bearer, "bound", new { name = "bound", scopes = new[] { "platform" }, expiresInDays = 30, allowedAddresses = new[] { "10.0.0.0/8" } })).Key;
        var service = await ClientAsync();
        foreach (var credential in new[] { bearer, key, bound, await OwnTokenAsync(service) })
        {
            foreach (var form in new Form[]
                     {
                         new(TestServer.Basic(client, Secret), ("token", credential)),
                         new(null, [("token", credential), .. Proven(client)]),
                         new(null, [("token", credential), ("token_type_hint", "access_token"), .. Proven(client)]),
                     })
                Assert.True((await CompareAsync("/connect/introspect", form)).Json.GetProperty("active").GetBoolean());
            Assert.Equal("{\"active\":false}", (await CompareAsync("/connect/introspect", new Form(null, [("token", credential), .. Proven(foreign)]))).Body);
            Assert.Equal("{\"active\":false}", (await CompareAsync("/connect/introspect", new Form(TestServer.Basic(await ClientAsync(audiences: "https://other.example.test"), Secret), ("token", credential)))).Body);
            await CompareAsync("/connect/introspect", new Form(null, [("token", credential), ("token_type_hint", "refresh_token"), .. Proven(client)]), byUs: false);
        }

        var own = await OwnTokenAsync(service);
        Assert.False((await CompareAsync("/connect/introspect", new Form(null, [("token", own), .. Proven(service)]))).Json.GetProperty("active").GetBoolean());
    }

    [Fact]
    public async Task Introspection_of_what_does_not_count_tells_the_same()
    {
        var (client, bearer) = (await ResourceServerAsync(), await _server.LoginWithDeviceAsync());
        var own = await OwnTokenAsync(await ClientAsync());
        var ended = await OwnTokenAsync(client);
        await _server.PostFormAsync("/connect/revoke", [("token", ended), .. Proven(client)]);
        foreach (var credential in new[] { "x", bearer[..^1], own[..^4] + (own[^4..] == "AAAA" ? "BBBB" : "AAAA"), own + "A", ended, "pwr_nothing", "pwt_nothing.at-all", new string('e', 9000), "ey\u20AC" })
            Assert.Equal("{\"active\":false}", (await CompareAsync("/connect/introspect", new Form(null, [("token", credential), .. Proven(client)]))).Body);
    }

    [Fact]
    public async Task Whoever_may_not_introspect_is_refused_by_OpenIddict()
    {
        var (client, token) = (await ResourceServerAsync(), await OwnTokenAsync(await ClientAsync()));
        var (open, suspended, barred) = (await ClientAsync(null), await ResourceServerAsync(), await ResourceServerAsync());
        await _server.SuspendApplicationAsync(suspended);
        await _server.QueryAsync(database => database.Applications.Where(a => a.ClientId == barred).ExecuteUpdateAsync(set => set.SetProperty(a => a.Permissions, "[\"ept:token\",\"xept:introspection\",\"ept:introspectionx\"]")));
        foreach (var form in new Form[]
                 {
                     new(null, ("token", token)),
                     new(null, [("token", token), .. Proven(client, "wrong")]),
                     new(TestServer.Basic(client, "wrong"), ("token", token)),
                     new(TestServer.Basic(client), ("token", token)),
                     new(TestServer.Basic("nobody", Secret), ("token", token)),
                     new(new AuthenticationHeaderValue("Basic", "!"), ("token", token)),
                     new(new AuthenticationHeaderValue("Bearer", token), ("token", token)),
                     new(TestServer.Basic(client, Secret), ("token", token), ("client_id", "another")),
                     new(null, ("token", token), ("client_id", open)),
                     new(null, [("token", token), .. Proven(open)]),
                     new(null, [("token", token), .. Proven(suspended)]),
                     new(null, [("token", token), .. Proven(barred)]),
                     new(null, [("token", token), ("token", token), .. Proven(client)]),
                     new(null, [("token", ""), .. Proven(client)]),
                     new(null, [.. Proven(client)]),
                 })
            await CompareAsync("/connect/introspect", form, byUs: false);
        // What form encoding makes of it (RFC 6749 §2.3.1) is read by OpenIddict.
        Assert.Equal(200, (await CompareAsync("/connect/introspect", new Form(TestServer.Basic(client.Replace("c", "%63", StringComparison.Ordinal), Secret), ("token", token)), byUs: false)).Status);
    }

    [Fact]
    public async Task Client_credentials_give_the_same()
    {
        var organization = await _server.CreateOrganizationAsync(shared.NewName("org"));
        var (client, elliptic, member) = (await ClientAsync(), await ClientAsync(), await ClientAsync(organizationId: organization.Id));
        await _server.QueryAsync(database => database.Applications.Where(a => a.ClientId == elliptic).ExecuteUpdateAsync(set => set.SetProperty(a => a.SigningAlgorithm, "ES256")));
        foreach (var one in new[] { client, elliptic, member })
        {
            Assert.Equal(200, (await CompareAsync("/connect/token", new Form(null, [s_own, ("scope", "platform"), .. Proven(one)]))).Status);
            Assert.Equal(200, (await CompareAsync("/connect/token", new Form(TestServer.Basic(one, Secret), s_own, ("scope", "platform")))).Status);
        }

        Assert.Equal(200, (await CompareAsync("/connect/token", new Form(null, [s_own, .. Proven(client)]), byUs: false)).Status);
    }

    [Fact]
    public async Task Whoever_may_not_have_a_token_for_itself_is_refused_by_OpenIddict()
    {
        var organization = await _server.CreateOrganizationAsync(shared.NewName("org"));
        var (client, open, barred, silenced) = (await ClientAsync(), await ClientAsync(null), await ClientAsync(), await ClientAsync(organizationId: organization.Id));
        await _server.QueryAsync(database => database.Applications.Where(a => a.ClientId == barred)
            .ExecuteUpdateAsync(set => set.SetProperty(a => a.Permissions, "[\"ept:token\",\"gt:authorization_code\",\"scp:platform\"]")));
        await _server.QueryAsync(database => database.Organizations.Where(o => o.Id == organization.Id).ExecuteUpdateAsync(set => set.SetProperty(o => o.Suspended, true)));
        foreach (var scope in new[] { "openid", "credentials:read", "platform platform", "platform  ", "platform nothing", "PLATFORM" })
            await CompareAsync("/connect/token", new Form(null, [s_own, ("scope", scope), .. Proven(client)]), byUs: false);
        foreach (var form in new Form[]
                 {
                     new(null, s_own, ("scope", "platform"), ("client_id", open)),
                     new(null, [s_own, ("scope", "platform"), .. Proven(client, "wrong")]),
                     new(null, [s_own, ("scope", "platform"), .. Proven(barred)]),
                     new(null, [s_own, ("scope", "platform"), .. Proven(silenced)]),
                     new(null, [s_own, ("scope", "platform"), ("resource", "https://nowhere.example.test"), .. Proven(client)]),
                     new(null, [("grant_type", "client_credentials "), ("scope", "platform"), .. Proven(client)]),
                     new(null, [("Grant_Type", "client_credentials"), ("scope", "platform"), .. Proven(client)]),
                 })
            Assert.NotEqual(200, (await CompareAsync("/connect/token", form, byUs: false)).Status);
    }

    [Fact]
    public async Task The_start_of_a_device_login_is_the_same()
    {
        var client = await ClientAsync(null, deviceFlow: true);
        foreach (var form in new Form[]
                 {
                     new(null, ("client_id", TestServer.Cli), ("scope", "openid profile platform")),
                     new(null, ("client_id", client), ("scope", "openid platform"), ("device_name", "login node 3"), ("lifetime_hours", "8")),
                 })
            Assert.Equal(200, (await CompareAsync("/connect/device", form)).Status);

        var barred = await ClientAsync(null);
        Assert.Equal(200, (await CompareAsync("/connect/device", new Form(null, ("client_id", client)), byUs: false)).Status);
        foreach (var form in new Form[]
                 {
                     new(null, ("client_id", client), ("scope", "openid"), ("device_name", "\u202Ebad")),
                     new(null, ("client_id", client), ("scope", "openid"), ("lifetime_hours", "25")),
                     new(null, ("client_id", client), ("scope", "openid"), ("lifetime_hours", " 8")),
                     new(null, ("client_id", client), ("scope", "nothing")),
                     new(null, ("client_id", TestServer.Cli), ("scope", "openid offline_access")),
                     new(null, ("client_id", client), ("scope", "authorized_keys:read")),
                     new(null, ("client_id", barred), ("scope", "openid")),
                     new(null, ("client_id", "nobody"), ("scope", "openid")),
                     new(null, ("client_id", client), ("client_secret", Secret), ("scope", "openid")),
                     new(null, ("scope", "openid")),
                 })
            Assert.NotEqual(200, (await CompareAsync("/connect/device", form, byUs: false)).Status);
    }

    [Fact]
    public async Task What_was_asked_at_the_start_is_what_is_stored()
    {
        var codes = (await CompareAsync("/connect/device", new Form(null, ("client_id", TestServer.Cli), ("scope", "openid platform"), ("device_name", "node"), ("lifetime_hours", "3")))).Text("device_code");
        Assert.True(DeviceCode.TryParse(codes, out var code));
        var stored = await _server.QueryAsync(database => database.DeviceRequests.SingleAsync(r => r.Id == code.Id));
        Assert.Equal((TestServer.Cli, "openid platform", "node", 3, "127.0.0.1"), (stored.ClientId, stored.Scopes, stored.DeviceName, stored.LifetimeWish, stored.Address));
    }

    [Fact]
    public async Task A_poll_is_answered_the_same()
    {
        async Task<Form> PollAsync(string client = TestServer.Cli) => new(null, s_device, ("client_id", client), ("device_code", (await _server.StartDeviceAsync("openid")).DeviceCode));
        Assert.Equal("authorization_pending", (await CompareAsync("/connect/token", () => PollAsync())).Error);

        // Too soon: the second poll of the same code.
        Assert.Equal("slow_down", (await CompareAsync("/connect/token", async () =>
        {
            var form = await PollAsync();
            await SendAsync("/connect/token", form, plain: true, byUs: true);
            return form;
        }, byUs: false)).Error);

        var other = await ClientAsync(null, deviceFlow: true);
        Assert.Equal("invalid_grant", (await CompareAsync("/connect/token", () => PollAsync(other), byUs: false)).Error);
        Assert.Equal("invalid_grant", (await CompareAsync("/connect/token", new Form(null, s_device, ("client_id", TestServer.Cli), ("device_code", "unknown")), byUs: false)).Error);
        // Another code with the id of a request that waits.
        Assert.True(DeviceCode.TryParse((await _server.StartDeviceAsync("openid")).DeviceCode, out var known));
        Assert.Equal("invalid_grant", (await CompareAsync("/connect/token", new Form(null, s_device, ("client_id", TestServer.Cli), ("device_code", DeviceCode.Generate(known.Id).Reveal())), byUs: false)).Error);
        Assert.Equal("invalid_client", (await CompareAsync("/connect/token", new Form(null, s_device, ("client_id", "nobody"), ("device_code", "unknown")), byUs: false)).Error);
        await CompareAsync("/connect/token", () => PollAsync("missing"), byUs: false);

        var late = await PollAsync();
        _server.Clock!.Advance(TimeSpan.FromHours(1));
        Assert.Equal("expired_token", (await CompareAsync("/connect/token", late, byUs: false)).Error);
    }

    private static readonly (string, string) s_refresh = ("grant_type", "refresh_token");

    [Fact]
    public async Task A_refresh_gives_the_same()
    {
        var (user, browser) = await shared.NewUserAsync();
        foreach (var (algorithm, scope) in new[] { ("RS256", "openid profile email offline_access platform"), ("ES256", "openid offline_access"), ("RS256", "profile offline_access") })
        {
            var (client, open) = (await ClientAsync(), await ClientAsync(null));
            await _server.QueryAsync(database => database.Applications.Where(a => a.ClientId == client).ExecuteUpdateAsync(set => set.SetProperty(a => a.SigningAlgorithm, algorithm)));
            async Task<(string, string)> TokenAsync(string client, string? secret) => ("refresh_token", (await _server.ConnectAsync(browser, client, secret, scope)).Text("refresh_token"));
            var answer = await CompareAsync("/connect/token", async () => new Form(null, [s_refresh, await TokenAsync(client, Secret), .. Proven(client)]));
            Assert.Equal((200, scope.Contains("openid", StringComparison.Ordinal)), (answer.Status, answer.Has("id_token")));
            if (answer.Has("id_token"))
                Assert.Equal(algorithm, new JsonWebToken(answer.Text("id_token")).Alg);
            Assert.Equal(200, (await CompareAsync("/connect/token", async () => new Form(TestServer.Basic(client, Secret), s_refresh, await TokenAsync(client, Secret)))).Status);
            Assert.Equal(200, (await CompareAsync("/connect/token", async () => new Form(null, s_refresh, await TokenAsync(open, null), ("client_id", open)))).Status);
            // What it asks for fewer is read by OpenIddict.
            Assert.Equal(200, (await CompareAsync("/connect/token", async () => new Form(null, [s_refresh, await TokenAsync(client, Secret), ("scope", "offline_access"), .. Proven(client)]), byUs: false)).Status);
        }

        Assert.NotEmpty(user);
    }

    [Fact]
    public async Task Who_may_not_refresh_is_refused_by_OpenIddict()
    {
        var (_, browser) = await shared.NewUserAsync();
        var (client, other, open, barred, suspended) = (await ClientAsync(), await ClientAsync(), await ClientAsync(null), await ClientAsync(), await ClientAsync());
        async Task<(string, string)> TokenAsync(string client, string? secret = Secret) => ("refresh_token", (await _server.ConnectAsync(browser, client, secret, "openid offline_access")).Text("refresh_token"));
        var (foreign, withoutProof, forbidden, ended) = (await TokenAsync(client), await TokenAsync(open, null), await TokenAsync(barred), await TokenAsync(suspended));
        await _server.QueryAsync(database => database.Applications.Where(a => a.ClientId == barred).ExecuteUpdateAsync(set => set.SetProperty(a => a.Permissions, "[\"ept:token\",\"gt:authorization_code\"]")));
        await _server.SuspendApplicationAsync(suspended);
        foreach (var form in new Form[]
                 {
                     new(null, [s_refresh, foreign, .. Proven(other)]),
                     new(null, s_refresh, foreign, ("client_id", client)),
                     new(null, [s_refresh, foreign, .. Proven(client, "wrong")]),
                     new(null, [s_refresh, withoutProof, .. Proven(open)]),
                     new(null, [s_refresh, forbidden, .. Proven(barred)]),
                     new(null, [s_refresh, ended, .. Proven(suspended)]),
                     new(null, [s_refresh, ("refresh_token", "pwr_nothing"), .. Proven(client)]),
                     new(null, [s_refresh, (foreign.Item1, foreign.Item2[..^1] + (foreign.Item2[^1] == 'A' ? 'B' : 'A')), .. Proven(client)]),
                     new(null, [s_refresh, .. Proven(client)]),
                     new(null, [s_refresh, foreign, ("resource", "https://nowhere.example.test"), .. Proven(client)]),
                     new(null, [s_refresh, foreign, ("scope", "openid platform"), .. Proven(client)]),
                 })
            Assert.NotEqual(200, (await CompareAsync("/connect/token", form, byUs: false)).Status);
    }

    /// <summary>Asks by GET, and by POST without a body and with one: with that it goes to OpenIddict.</summary>
    private async Task<Answer> CompareUserInfoAsync(string credential, bool byUs = true)
    {
        using var client = _server.Client();
        var other = await AskAsync(new HttpRequestMessage(HttpMethod.Post, "/connect/userinfo") { Content = new FormUrlEncodedContent([KeyValuePair.Create("nobody_knows_this", "1")]) });
        Assert.Equal("OpenIddict", other.Header("By"));
        foreach (var method in new[] { HttpMethod.Get, HttpMethod.Post })
        {
            var plain = await AskAsync(new HttpRequestMessage(method, "/connect/userinfo"));
            Assert.Equal((byUs ? "us" : "OpenIddict", other.Status, other.Body), (plain.Header("By"), plain.Status, plain.Body));
            Assert.Equal(Headers(other), Headers(plain));
        }

        return other;

        async Task<Answer> AskAsync(HttpRequestMessage request)
        {
            using (request)
            {
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", credential);
                return await Answer.FromAsync(await client.SendAsync(request));
            }
        }
    }

    [Fact]
    public async Task Userinfo_tells_the_same()
    {
        var (user, browser) = await shared.NewUserAsync();
        var client = await ClientAsync();
        foreach (var scope in new[] { "openid", "openid profile email", "openid email platform" })
        {
            var answer = await CompareUserInfoAsync((await _server.ConnectAsync(browser, client, Secret, scope)).Text("access_token"));
            Assert.Equal((200, scope.Contains("profile", StringComparison.Ordinal)), (answer.Status, answer.Body.Contains(user, StringComparison.Ordinal) && answer.Has("name")));
        }

        var bearer = await _server.LoginWithDeviceAsync();
        Assert.Equal(200, (await CompareUserInfoAsync(bearer)).Status);
        var key = (await _server.CreateApiKeyAsync(bearer, "for userinfo")).Key;
        var without = (await _server.ConnectAsync(browser, client, Secret, "profile")).Text("access_token");
        foreach (var credential in new[] { key, without, await OwnTokenAsync(client), bearer[..^2], "nonsense", "a b", "a,b", new string('e', 9000) })
            Assert.InRange((await CompareUserInfoAsync(credential, byUs: false)).Status, 400, 403);
    }
}
