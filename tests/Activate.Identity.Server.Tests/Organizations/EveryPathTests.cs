using System.Globalization;
using System.Net.Http;
using System.Text.Json;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Core.Tokens;
using Activate.Identity.Data.Organizations;
using Activate.Identity.Server.Keys;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Server.Tests.Connect;
using Activate.Identity.Server.Tests.SshKeys;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using static Activate.Identity.Server.Tests.ApiKeys.ApiCalls;

namespace Activate.Identity.Server.Tests.Organizations;

/// <summary>Every way to a credential against every limit: REST, pages, device login, rotation, clusters, applications.</summary>
public class EveryPathTests(EveryPathTests.Fixture fixture) : IClassFixture<EveryPathTests.Fixture>
{
    private const string Beyond = "expiration_beyond_maximum";
    private const string NoChoice = "expiration_choice_not_permitted";
    private const string Nothing = "-";
    private const string Secret = "s3cret";
    private const string ApiKeyType = "urn:parallelworks:token-type:api-key";
    private const string AccessTokenType = "urn:ietf:params:oauth:token-type:access_token";

    private readonly TestServer _server = fixture.Server;

    public sealed class Fixture : SharedServer
    {
        protected override TestServerOptions Options => new() { Nodes = 2 };
    }

    /// <summary>A way to a credential: what it takes, and how it is gone.</summary>
    private sealed record Way(string Name, string Unit, Func<Person, string, Task<Outcome>> GoAsync);

    /// <summary>Somebody with a browser and a session, in an organization of their own.</summary>
    private sealed record Person(Guid Id, Browser Browser, string Session);

    /// <summary>A refusal's code, or the life of what was made, in the unit of its kind; null is without end.</summary>
    private sealed record Outcome(string? Refusal, double? Life);

    /// <summary>The policy of the kind, a wish ("-": none; "null": no expiration), and what comes of it: a life, "endless", or a refusal.</summary>
    private static readonly (string Unit, string Policy, string Wish, string Expected)[] s_limits =
    [
        ("Days", """{"maximum":30}""", Nothing, "30"), ("Days", """{"maximum":30}""", "7", "7"), ("Days", """{"maximum":30}""", "30", "30"), ("Days", """{"maximum":30}""", "31", Beyond),
        ("Days", """{"maximum":30}""", "90", Beyond), ("Days", """{"maximum":30}""", "null", Beyond),
        ("Days", """{"maximum":10,"default":60}""", Nothing, "10"),
        ("Days", """{"maximum":null,"default":null}""", Nothing, "endless"), ("Days", """{"maximum":null,"default":null}""", "null", "endless"), ("Days", """{"maximum":null,"default":null}""", "90", "90"),
        ("Days", """{"userChoice":false,"default":14}""", Nothing, "14"), ("Days", """{"userChoice":false,"default":14}""", "14", "14"), ("Days", """{"userChoice":false,"default":14}""", "7", NoChoice),
        ("Days", """{"userChoice":false,"default":14}""", "null", NoChoice), ("Days", """{"userChoice":false,"default":90,"maximum":20}""", Nothing, "20"),
        ("Days", """{"userChoice":false,"default":null}""", Nothing, "endless"), ("Days", """{"userChoice":false,"default":null}""", "7", NoChoice),
        ("Hours", """{"maximum":2}""", Nothing, "2"), ("Hours", """{"maximum":2}""", "1", "1"), ("Hours", """{"maximum":2}""", "2", "2"), ("Hours", """{"maximum":2}""", "3", Beyond), ("Hours", """{"maximum":2}""", "24", Beyond),
        ("Hours", """{"maximum":null,"default":null}""", Nothing, "24"), ("Hours", """{"maximum":null,"default":null}""", "24", "24"),
        ("Hours", """{"userChoice":false,"default":4}""", Nothing, "4"), ("Hours", """{"userChoice":false,"default":4}""", "4", "4"), ("Hours", """{"userChoice":false,"default":4}""", "1", NoChoice),
        ("Hours", """{"userChoice":false,"default":24,"maximum":3}""", Nothing, "3"),
    ];

    [Fact]
    public async Task Every_way_to_a_credential_obeys_every_limit()
    {
        var tried = 0;
        foreach (var limit in s_limits.GroupBy(limit => (limit.Unit, limit.Policy)))
        {
            var person = await NewPersonAsync();
            var members = limit.Key.Policy.Replace("\"maximum\"", $"\"maximum{limit.Key.Unit}\"", StringComparison.Ordinal).Replace("\"default\"", $"\"default{limit.Key.Unit}\"", StringComparison.Ordinal);
            var policy = limit.Key.Unit == "Days" ? $$$"""{"apiKeys":{{{members}}},"sshKeys":{{{members}}}}""" : $$$"""{"tokens":{{{members}}}}""";
            var set = await _server.SetPolicyAsync(person.Session, JsonDocument.Parse(policy).RootElement);
            Assert.True(set.Status == 200, set.ToString());
            foreach (var (unit, _, wish, expected) in limit)
            {
                foreach (var way in Ways().Where(way => way.Unit == unit))
                {
                    var outcome = await way.GoAsync(person, wish);
                    var text = outcome.Refusal ?? (outcome.Life is { } life ? Math.Round(life).ToString(CultureInfo.InvariantCulture) : "endless");
                    Assert.True(text == expected, $"{way.Name}, policy {limit.Key.Policy}, wish {wish}: {text} instead of {expected}.");
                    tried++;
                }
            }
        }

        Assert.True(tried > 100, $"Only {tried} tried.");
    }

    [Fact]
    public async Task What_has_no_wish_ends_within_the_maximum_too()
    {
        var person = await NewPersonAsync();
        var key = await _server.CreateApiKeyAsync(person.Session, "rotated", new { name = "rotated", expiresInDays = 20 });
        var endless = await _server.CreateApiKeyAsync(person.Session, "endless", new { name = "endless", expiresInDays = (int?)null });
        Assert.Equal(200, (await _server.SetPolicyAsync(person.Session, new { apiKeys = new { maximumDays = 5 }, tokens = new { maximumHours = 1 } })).Status);
        // Keep: they keep their ends, and a rotation changes nothing about that.
        foreach (var (id, end) in new[] { (key.Id, key.Answer.Json.Time("expiresAt")), (endless.Id, (DateTime?)null) })
            Assert.Equal(end, (await _server.PostAsync($"{KeysPath}/{id}/rotate", person.Session, new { })).Json.Time("expiresAt"));
        var cluster = await _server.PostAsync("/api/v1/organization/clusters", person.Session, new { name = "c", address = "c.example.test" });
        var clusterEnd = (await _server.GetAsync("/api/v1/me", cluster.Text("key"))).Json.GetProperty("credential").Time("expiresAt");
        Assert.Equal(5, Math.Round((clusterEnd!.Value - DateTime.UtcNow).TotalDays));
        var rotated = (await _server.PostAsync($"/api/v1/organization/clusters/{cluster.Text("id")}/rotate-key", person.Session, new { })).Text("key");
        Assert.Equal(5, Math.Round(((await _server.GetAsync("/api/v1/me", rotated)).Json.GetProperty("credential").Time("expiresAt")!.Value - DateTime.UtcNow).TotalDays));

        await _server.RegisterApplicationAsync("app", "secret-of-the-app");
        var pkce = Pkce.New();
        var code = await _server.GetCodeAsync(person.Browser, "app", pkce);
        Assert.InRange((await _server.RedeemAsync("app", "secret-of-the-app", code, pkce)).Json.GetProperty("expires_in").GetInt32(), 3500, 3600);

        Assert.Equal(200, (await _server.SetPolicyAsync(person.Session, new { applications = new { allowed = "none" } })).Status);
        await person.Browser.GoAsync(TestServer.AuthorizePath("app", Pkce.New()));
        Assert.Contains("error=access_denied", person.Browser.Response.Headers.Location?.Query, StringComparison.Ordinal);
        Assert.Equal(200, (await _server.SetPolicyAsync(person.Session, new { deviceLogin = new { enabled = false } })).Status);
        var login = await _server.StartDeviceAsync();
        await TestServer.ApproveAsync(person.Browser, login);
        Assert.Equal("access_denied", (await _server.PollAsync(login)).Error);
    }

    [Fact]
    public async Task What_was_allowed_before_a_stricter_policy_and_is_fetched_after_it_obeys_the_stricter()
    {
        var person = await NewPersonAsync();
        var login = await _server.StartDeviceAsync();
        await TestServer.ApproveAsync(person.Browser, login, 20);
        Assert.Equal(200, (await _server.SetPolicyAsync(person.Session, new { tokens = new { maximumHours = 3 } })).Status);
        Assert.InRange((await _server.PollAsync(login)).Json.GetProperty("expires_in").GetInt32(), 10700, 10800);
    }

    /// <summary>What applications get for a person: nobody wishes for a lifetime there, so each policy has one outcome for each way.</summary>
    private static readonly (string Policy, int? AccessSeconds, int? ChainDays)[] s_applicationLimits =
    [
        ("{}", 3600, 90), ("""{"tokens":{"maximumHours":1}}""", 3600, 90), ("""{"tokens":{"maximumHours":3}}""", 3600, 90), ("""{"tokens":{"userChoice":false,"defaultHours":24}}""", 3600, 90),
        ("""{"applications":{"refreshMaximumDays":1}}""", 3600, 1), ("""{"applications":{"refreshMaximumDays":7}}""", 3600, 7), ("""{"applications":{"refreshMaximumDays":30},"tokens":{"maximumHours":1}}""", 3600, 30),
        ("""{"applications":{"allowed":"none"}}""", null, null),
    ];

    [Fact]
    public async Task Every_way_of_an_application_obeys_every_limit()
    {
        var tried = 0;
        foreach (var (policy, seconds, days) in s_applicationLimits)
        {
            var person = await NewPersonAsync();
            var key = (await _server.CreateApiKeyAsync(person.Session, "before")).Key;
            var (client, chain) = await ConnectAsync(person);
            var set = await _server.SetPolicyAsync(person.Session, JsonDocument.Parse(policy).RootElement);
            Assert.True(set.Status == 200, set.ToString());
            foreach (var way in ApplicationWays(client, key, chain.Text("refresh_token")))
            {
                var answer = await way.GoAsync(person);
                var text = $"{way.Name}, policy {policy}: {answer}";
                tried++;
                if (seconds is null)
                {
                    Assert.True(answer.Error is "access_denied" or "invalid_grant" && !answer.Has("access_token"), text);
                    continue;
                }

                Assert.True(answer.Status == 200, text);
                var most = way.Name == "device" && policy.Contains("userChoice", StringComparison.Ordinal) ? 24 * 3600 : seconds;
                Assert.True(answer.Json.GetProperty("expires_in").GetInt32() is var life && life <= most && life > most - 60, text);
                Assert.Equal(way.Chain, answer.Has("refresh_token"));
                // A chain that was begun before keeps its end ("keep").
                if (way.Chain)
                    Assert.True(await ChainDaysAsync(answer.Text("refresh_token")) == (way.Name == "refresh" ? 90 : days), text);
            }
        }

        Assert.Equal(s_applicationLimits.Length * 7, tried);
    }

    [Fact, Trait("Case", "O5")]
    public async Task What_is_exchanged_ends_with_the_key_or_token_that_a_cut_shortens()
    {
        var person = await NewPersonAsync();
        var (client, _) = await ConnectAsync(person);
        var key = (await _server.CreateApiKeyAsync(person.Session, "k", new { name = "k", expiresInDays = 90 })).Key;
        var made = (await _server.PostAsync("/api/v1/tokens", person.Session, new { name = "t", expiresInHours = 24 })).Text("token");
        var living = new List<string>();
        foreach (var (subject, type) in new[] { (key, ApiKeyType), (made, AccessTokenType) })
        {
            living.Add((await ExchangeAsync(client, subject, type)).Text("access_token"));
            // Both are older than their new maximum by then.
            await _server.QueryAsync(database => type == ApiKeyType
                ? database.ApiKeys.Where(k => k.OwnerId == person.Id).ExecuteUpdateAsync(row => row.SetProperty(k => k.CreatedAt, _server.Now.AddDays(-2)))
                : database.TokenGrants.Where(g => g.OwnerId == person.Id && g.Name == "t").ExecuteUpdateAsync(row => row.SetProperty(g => g.CreatedAt, _server.Now.AddHours(-2))));
        }

        foreach (var token in living)
            Assert.Equal((200, 200), (await MeAsync(token), await MeAsync(token, 1)));
        Assert.Equal(200, (await _server.SetPolicyAsync(person.Session, new { apiKeys = new { maximumDays = 1 }, tokens = new { maximumHours = 1 } }, "shorten")).Status);
        await Task.Delay(TimeSpan.FromSeconds(1.1), TestContext.Current.CancellationToken);
        foreach (var token in living)
            Assert.Equal((401, 401), (await MeAsync(token), await MeAsync(token, 1)));
        foreach (var (subject, type) in new[] { (key, ApiKeyType), (made, AccessTokenType) })
            Assert.Equal("invalid_grant", (await ExchangeAsync(client, subject, type)).Error);
    }

    [Theory, Trait("Case", "O5")]
    [InlineData("keep", 200)]
    [InlineData("shorten", 401)]
    public async Task A_cut_of_refreshing_ends_a_living_chain_on_both_nodes(string mode, int status)
    {
        var person = await NewPersonAsync();
        var (client, tokens) = await ConnectAsync(person);
        var second = await _server.RefreshAsync(client, Secret, tokens.Text("refresh_token"), 1);
        Assert.True(second.Status == 200, second.ToString());
        await _server.QueryAsync(database => database.TokenGrants.Where(g => g.ClientId == client).ExecuteUpdateAsync(row => row.SetProperty(g => g.CreatedAt, _server.Now.AddDays(-2))));
        var session = person.Session;
        Assert.Equal((200, 200), (await MeAsync(second.Text("access_token")), await MeAsync(second.Text("access_token"), 1)));
        // A cut of tokens alone leaves a chain alone: it is held to its own limit.
        Assert.Equal(200, (await _server.SetPolicyAsync(session, new { tokens = new { maximumHours = 2 } }, mode)).Status);
        await Task.Delay(TimeSpan.FromSeconds(1.1), TestContext.Current.CancellationToken);
        Assert.Equal((200, 200), (await MeAsync(second.Text("access_token")), await MeAsync(second.Text("access_token"), 1)));

        Assert.Equal(200, (await _server.SetPolicyAsync(session, new { tokens = new { maximumHours = 2 }, applications = new { refreshMaximumDays = 1 } }, mode)).Status);
        await Task.Delay(TimeSpan.FromSeconds(1.1), TestContext.Current.CancellationToken);
        foreach (var rewritten in (bool[])[false, true])
        {
            if (rewritten)
                await _server.RewriteCutsAsync();
            foreach (var node in (int[])[0, 1])
            {
                Assert.Equal(status, await MeAsync(second.Text("access_token"), node));
                Assert.Equal(status == 200 ? null : "invalid_grant", (await _server.RefreshAsync(client, Secret, second.Text("refresh_token"), node)) is { Status: 400 } refused ? refused.Error : null);
            }
        }
    }

    [Fact, Trait("Case", "O5")]
    public async Task A_cut_of_refreshing_counts_on_both_nodes_before_any_row_is_rewritten()
    {
        var person = await NewPersonAsync();
        var (client, tokens) = await ConnectAsync(person);
        await _server.QueryAsync(database => database.TokenGrants.Where(g => g.ClientId == client).ExecuteUpdateAsync(row => row.SetProperty(g => g.CreatedAt, _server.Now.AddDays(-2))));
        // The row alone, as another node would have committed it and claimed its rewriting.
        await _server.QueryAsync(async database =>
        {
            var organization = await database.Users.Where(u => u.Id == person.Id).Select(u => u.OrganizationId).SingleAsync();
            var version = await database.Organizations.Where(o => o.Id == organization).Select(o => o.PolicyVersion).SingleAsync() + 1;
            await database.Organizations.Where(o => o.Id == organization).ExecuteUpdateAsync(set => set.SetProperty(o => o.PolicyVersion, version));
            var now = _server.Now;
            database.PolicyCuts.Add(new PolicyCut { OrganizationId = organization, Version = version, At = now, GraceEndsAt = now, RefreshMaximumDays = 1, ClaimedUntil = now.AddYears(1) });
            return await database.SaveChangesAsync();
        });
        await Task.Delay(TimeSpan.FromSeconds(1.1), TestContext.Current.CancellationToken);
        foreach (var node in (int[])[0, 1])
        {
            Assert.Equal(401, await MeAsync(tokens.Text("access_token"), node));
            Assert.Equal("{\"active\":false}", (await _server.IntrospectAsync(client, Secret, tokens.Text("access_token"), node)).Body);
            Assert.Equal("invalid_grant", (await _server.RefreshAsync(client, Secret, tokens.Text("refresh_token"), node)).Error);
        }

        Assert.True(await _server.QueryAsync(database => database.TokenGrants.Where(g => g.ClientId == client).AllAsync(g => g.ExpiresAt > _server.Now)));
    }

    [Fact]
    public async Task No_applications_ends_refreshing_and_exchange_on_both_nodes()
    {
        var person = await NewPersonAsync();
        var (client, tokens) = await ConnectAsync(person);
        var key = (await _server.CreateApiKeyAsync(person.Session, "k")).Key;
        Assert.Equal(200, (await ExchangeAsync(client, key, ApiKeyType)).Status);
        Assert.Equal(200, (await _server.SetPolicyAsync(person.Session, new { applications = new { allowed = "none" } })).Status);
        await Task.Delay(TimeSpan.FromSeconds(1.1), TestContext.Current.CancellationToken);
        foreach (var node in (int[])[0, 1])
        {
            Assert.Equal("invalid_grant", (await _server.RefreshAsync(client, Secret, tokens.Text("refresh_token"), node)).Error);
            foreach (var (subject, type) in new[] { (key, ApiKeyType), (tokens.Text("access_token"), AccessTokenType) })
                Assert.Equal("invalid_grant", (await ExchangeAsync(client, subject, type, node)).Error);
        }
    }

    /// <summary>A way of an application to an access token, and whether a refresh token comes with it.</summary>
    private sealed record ApplicationWay(string Name, bool Chain, Func<Person, Task<Answer>> GoAsync);

    private IEnumerable<ApplicationWay> ApplicationWays(string client, string key, string refreshToken)
    {
        yield return new("code", false, person => SignInAsync(person, client, "openid platform"));
        yield return new("code with a chain", true, person => SignInAsync(person, client, "openid offline_access platform"));
        yield return new("pushed request", false, async person =>
        {
            var pkce = Pkce.New();
            var pushed = await _server.PostFormAsync("/connect/par", [("response_type", "code"), ("redirect_uri", TestServer.Callback), ("scope", "openid platform"),
                ("code_challenge", pkce.Challenge), ("code_challenge_method", "S256")], authorization: TestServer.Basic(client, Secret));
            return await RedeemAsync(person, client, pkce, $"/connect/authorize?client_id={client}&request_uri={Uri.EscapeDataString(pushed.Text("request_uri"))}");
        });
        yield return new("device", false, async person =>
        {
            var started = await _server.PostFormAsync("/connect/device", [("scope", "platform")], authorization: TestServer.Basic(client, Secret));
            var login = new DeviceLogin(started.Text("device_code"), started.Text("user_code"), started);
            await person.Browser.GoAsync("/device");
            await person.Browser.SubmitAsync("Continue", ("code", login.UserCode));
            // Without a choice it is the organization's 24 hours.
            await person.Browser.SubmitAsync("Allow", person.Browser.Page.QuerySelector("select[name=hours]") is null ? [] : [("hours", "1")]);
            return await _server.PostFormAsync("/connect/token", [("grant_type", TestServer.DeviceGrantType), ("device_code", login.DeviceCode)], authorization: TestServer.Basic(client, Secret));
        });
        yield return new("refresh", true, _ => _server.RefreshAsync(client, Secret, refreshToken));
        yield return new("exchange of a key", false, _ => ExchangeAsync(client, key, ApiKeyType));
        yield return new("exchange of a token", false, person => ExchangeAsync(client, person.Session, AccessTokenType));
    }

    private Task<Answer> SignInAsync(Person person, string client, string scope)
    {
        var pkce = Pkce.New();
        return RedeemAsync(person, client, pkce, TestServer.AuthorizePath(client, pkce, ("scope", scope)));
    }

    /// <summary>The tokens, or the error that the application was told.</summary>
    private async Task<Answer> RedeemAsync(Person person, string client, Pkce pkce, string path)
    {
        var location = await TestServer.AllowAsync(person.Browser, path);
        return location.Query.Contains("error=", StringComparison.Ordinal)
            ? new Answer((int)person.Browser.Response.StatusCode, person.Browser.Response, $$"""{"error":"{{TestServer.Parameter(location, "error")}}"}""")
            : await _server.RedeemAsync(client, Secret, TestServer.Parameter(location, "code"), pkce);
    }

    /// <summary>Of the server, so that every organization may use it; it answers for our API.</summary>
    private async Task<(string Client, Answer Tokens)> ConnectAsync(Person person)
    {
        var client = fixture.NewName("app");
        await _server.RegisterApplicationAsync(client, Secret, $"{_server.Origin.GetLeftPart(UriPartial.Authority)}/api", deviceFlow: true);
        var tokens = await _server.ConnectAsync(person.Browser, client, Secret);
        Assert.True(tokens.Status == 200, tokens.ToString());
        return (client, tokens);
    }

    private Task<Answer> ExchangeAsync(string client, string subject, string type, int node = 0) => _server.PostFormAsync("/connect/token",
        [("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"), ("subject_token", subject), ("subject_token_type", type)], node, TestServer.Basic(client, Secret));

    private async Task<double> ChainDaysAsync(string refreshToken)
    {
        Assert.True(RefreshToken.TryParse(refreshToken, _server.Services().GetRequiredService<ServerKeys>().HashCode, out var token));
        var grant = await _server.QueryAsync(database => database.TokenGrants.SingleAsync(g => g.Id == token.GrantId));
        return (grant.ExpiresAt - grant.CreatedAt).TotalDays;
    }

    private async Task<int> MeAsync(string credential, int node = 0) => (await _server.ApiAsync(HttpMethod.Get, "/api/v1/me", credential, node: node)).Status;

    private IEnumerable<Way> Ways()
    {
        var name = $"k{Guid.NewGuid():N}"[..20];
        yield return new("REST API key", "Days", (person, wish) => RestAsync(person, KeysPath, "expiresInDays", wish, new() { ["name"] = name }));
        yield return new("REST SSH key", "Days", (person, wish) => RestAsync(person, "/api/v1/ssh-keys", "expiresInDays", wish, new() { ["name"] = name, ["publicKey"] = SshTestKeys.Ed25519() }));
        yield return new("REST token", "Hours", (person, wish) => wish == "null" ? Task.FromResult(new Outcome(Beyond, null)) : RestAsync(person, "/api/v1/tokens", "expiresInHours", wish, []));
        yield return new("page of API keys", "Days", (person, wish) => PageAsync(person, "/account/authentication/api-keys/add", "Add Key", wish, KeysPath, ("Name", $"{name} page")));
        yield return new("page of SSH keys", "Days", (person, wish) => PageAsync(person, "/account/authentication/ssh-keys/add", "Add Key", wish, "/api/v1/ssh-keys", ("Name", $"{name} page"), ("Key", SshTestKeys.Ed25519())));
        yield return new("page of tokens", "Hours", (person, wish) => PageAsync(person, "/account/authentication/api-keys/generate-token", "Add Token", wish, "/api/v1/tokens"));
        yield return new("REST API key of a service account", "Days", async (person, wish) => await RestAsync(person, $"/api/v1/organization/service-accounts/{await AccountAsync(person)}/api-keys", "expiresInDays", wish, new() { ["name"] = name }));
        yield return new("page of a service account's keys", "Days", async (person, wish) => await AccountAsync(person) is var account
            ? await PageAsync(person, $"/organization/service-accounts/{account}/api-keys/add", "Add Key", wish, $"/api/v1/organization/service-accounts/{account}/api-keys", ("Name", $"{name} page"))
            : null!);
        yield return new("REST SSH certificate", "Hours", async (person, wish) => await RestAsync(person, "/api/v1/ssh-certificates", "expiresInHours", wish,
            new() { ["publicKey"] = SshTestKeys.Ed25519(), ["cluster"] = await ClusterAsync(person) }));
        yield return new("device login", "Hours", DeviceAsync);
    }

    private async Task<string> AccountAsync(Person person)
    {
        var answer = await _server.PostAsync("/api/v1/organization/service-accounts", person.Session, new { username = $"sa-{Guid.NewGuid():N}"[..20], description = "d", keepers = new[] { await NameAsync(person) } });
        Assert.True(answer.Status == 201, answer.ToString());
        return answer.Text("id");
    }

    private async Task<string> ClusterAsync(Person person)
    {
        var answer = await _server.PostAsync("/api/v1/organization/clusters", person.Session, new { name = $"c{Guid.NewGuid():N}"[..20], address = "c.example.test" });
        Assert.True(answer.Status == 201, answer.ToString());
        return answer.Text("id");
    }

    private Task<string> NameAsync(Person person) => _server.QueryAsync(database => database.Users.Where(u => u.Id == person.Id).Select(u => u.UserName!).SingleAsync());

    private async Task<Outcome> RestAsync(Person person, string path, string member, string wish, Dictionary<string, object?> body)
    {
        if (wish != Nothing)
            body[member] = wish == "null" ? null : int.Parse(wish, CultureInfo.InvariantCulture);
        var answer = await _server.PostAsync(path, person.Session, body);
        return answer.Status == 201 ? new Outcome(null, Life(answer.Json, path)) : new Outcome(answer.Error, null);
    }

    private async Task<Outcome> PageAsync(Person person, string page, string button, string wish, string list, params (string Name, string Value)[] fields)
    {
        var before = (await _server.GetAsync($"{list}?limit=200", person.Session)).Items();
        await person.Browser.GoAsync(page);
        if (wish != Nothing)
            // As somebody would who tampers with the form: the menu need not have the entry, nor need there be a menu.
            fields = [.. fields, ("!Expiration", wish == "null" ? "none" : wish)];
        await person.Browser.SubmitAsync(button, fields);
        var after = (await _server.GetAsync($"{list}?limit=200", person.Session)).Json.GetProperty("items");
        if (after.GetArrayLength() == before)
        {
            Assert.Equal(403, (int)person.Browser.Response.StatusCode);
            return new Outcome(Code(person.Browser.PageText), null);
        }

        return new Outcome(null, Life(after[0], list));
    }

    private async Task<Outcome> DeviceAsync(Person person, string wish)
    {
        var login = await _server.StartDeviceAsync();
        await person.Browser.GoAsync("/device");
        await person.Browser.SubmitAsync("Continue", ("code", login.UserCode));
        await person.Browser.SubmitAsync("Allow", wish == Nothing ? [] : [("hours", wish == "null" ? "" : wish)]);
        var answer = await _server.PollAsync(login);
        return answer.Status == 200 ? new Outcome(null, answer.Json.GetProperty("expires_in").GetInt32() / 3600.0) : new Outcome(Code(person.Browser.PageText), null);
    }

    private static string Code(string page) => page.Contains("allows at most", StringComparison.Ordinal) ? Beyond : page.Contains("does not let users choose", StringComparison.Ordinal) ? NoChoice : page;

    private static double? Life(JsonElement item, string path) => item.Time("expiresAt") is { } end
        ? path.EndsWith("tokens", StringComparison.Ordinal) || path.EndsWith("certificates", StringComparison.Ordinal) ? (end - item.Time("createdAt")!.Value).TotalHours : (end - item.Time("createdAt")!.Value).TotalDays
        : null;

    private async Task<Person> NewPersonAsync()
    {
        var organization = await _server.CreateOrganizationAsync($"org-{Guid.NewGuid():N}"[..20]);
        var (name, browser) = await fixture.NewUserAsync(Role.Owner, organization.Id);
        var id = await _server.QueryAsync(database => database.Users.Where(u => u.UserName == name).Select(u => u.Id).SingleAsync());
        return new Person(id, browser, await _server.GrantAsync(id));
    }
}
