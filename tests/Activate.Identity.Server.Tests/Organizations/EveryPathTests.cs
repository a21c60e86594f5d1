using System.Globalization;
using System.Text.Json;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Server.Tests.Connect;
using Activate.Identity.Server.Tests.SshKeys;
using Activate.Identity.Testing;
using static Activate.Identity.Server.Tests.ApiKeys.ApiCalls;

namespace Activate.Identity.Server.Tests.Organizations;

/// <summary>Every way to a credential against every limit: REST, pages, device login, rotation, clusters, applications.</summary>
public class EveryPathTests(EveryPathTests.Fixture fixture) : IClassFixture<EveryPathTests.Fixture>
{
    private const string Beyond = "expiration_beyond_maximum";
    private const string NoChoice = "expiration_choice_not_permitted";
    private const string Nothing = "-";

    private readonly TestServer _server = fixture.Server;

    public sealed class Fixture : SharedServer;

    /// <summary>A way to a credential: what it takes, and how it is gone.</summary>
    private sealed record Way(string Name, string Unit, Func<Person, string, Task<Outcome>> GoAsync);

    /// <summary>Somebody with a browser and a session, in an organization of their own.</summary>
    private sealed record Person(Browser Browser, string Session);

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

    private IEnumerable<Way> Ways()
    {
        var name = $"k{Guid.NewGuid():N}"[..20];
        yield return new("REST API key", "Days", (person, wish) => RestAsync(person, KeysPath, "expiresInDays", wish, new() { ["name"] = name }));
        yield return new("REST SSH key", "Days", (person, wish) => RestAsync(person, "/api/v1/ssh-keys", "expiresInDays", wish, new() { ["name"] = name, ["publicKey"] = SshTestKeys.Ed25519() }));
        yield return new("REST token", "Hours", (person, wish) => wish == "null" ? Task.FromResult(new Outcome(Beyond, null)) : RestAsync(person, "/api/v1/tokens", "expiresInHours", wish, []));
        yield return new("page of API keys", "Days", (person, wish) => PageAsync(person, "/account/authentication/api-keys/add", "Add Key", wish, KeysPath, ("Name", $"{name} page")));
        yield return new("page of SSH keys", "Days", (person, wish) => PageAsync(person, "/account/authentication/ssh-keys/add", "Add Key", wish, "/api/v1/ssh-keys", ("Name", $"{name} page"), ("Key", SshTestKeys.Ed25519())));
        yield return new("page of tokens", "Hours", (person, wish) => PageAsync(person, "/account/authentication/api-keys/generate-token", "Add Token", wish, "/api/v1/tokens"));
        yield return new("device login", "Hours", DeviceAsync);
    }

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
        ? path.EndsWith("tokens", StringComparison.Ordinal) ? (end - item.Time("createdAt")!.Value).TotalHours : (end - item.Time("createdAt")!.Value).TotalDays
        : null;

    private async Task<Person> NewPersonAsync()
    {
        var organization = await _server.CreateOrganizationAsync($"org-{Guid.NewGuid():N}"[..20]);
        var (name, browser) = await fixture.NewUserAsync(Role.Owner, organization.Id);
        return new Person(browser, await _server.GrantAsync(await _server.QueryAsync(database => Task.FromResult(database.Users.Single(u => u.UserName == name).Id))));
    }
}
