using Activate.Identity.Core.Clusters;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Server.Tests.Organizations;
using Activate.Identity.Server.Tests.SshKeys;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Tests.IdentityProviders;

/// <summary>Whoever has not signed in at the organization's provider for too long: nothing of theirs works, and everything does again once they have.</summary>
public sealed class PauseTests(PauseTests.Fixture fixture) : IClassFixture<PauseTests.Fixture>, IAsyncLifetime
{
    private const string Me = "/api/v1/me";
    private const string Secret = "secret of the application";
    private readonly TestServer _server = fixture.Server;
    private FakeProvider _provider = null!;

    public sealed class Fixture : SsoServer
    {
        protected override TestServerOptions Options => base.Options with { FakeClock = true };
    }

    public async ValueTask InitializeAsync()
    {
        _provider = await FakeProvider.StartAsync();
        _provider.Now = () => _server.Now;
        // Cookies with an end are judged by the clock of whoever keeps them, which is the real one.
        if (_server.Clock!.GetUtcNow() < TimeProvider.System.GetUtcNow())
            _server.Clock.Advance(TimeProvider.System.GetUtcNow() - _server.Clock.GetUtcNow() + TimeSpan.FromDays(1));
    }

    public ValueTask DisposeAsync() => _provider.DisposeAsync();

    [Fact]
    [Trait("Case", "I6")]
    public async Task Every_credential_pauses_and_comes_back_with_the_next_sign_in()
    {
        var sso = await Sso.NewAsync(_server, _provider.Issuer, new { pauseAfterDays = 2 });
        var name = fixture.NewName("pause");
        await _server.QueryAsync(database => database.Organizations.Where(row => row.Id == sso.Organization.Id).ExecuteUpdateAsync(set => set.SetProperty(row => row.Policy, """{"webSessions":{"idleMinutes":null}}""")));
        using var browser = await sso.SignInAsync(_provider, Person(name));
        var user = (await sso.UserOfAsync("1"))!;
        var cluster = await _server.PostAsync("/api/v1/organization/clusters", sso.Session, new { name = "c", address = "c.example.test" });
        var clusterKey = cluster.Text("key");
        await _server.RegisterApplicationAsync(name, Secret, audiences: $"{_server.Origin.GetLeftPart(UriPartial.Authority)}/platform");
        var session = await _server.GrantAsync(user.Id);
        var key = (await _server.CreateApiKeyAsync(session, "a", new { name = "a", expiresInDays = 30 })).Key;
        var line = SshTestKeys.Ed25519();
        Assert.Equal(201, (await _server.PostAsync("/api/v1/ssh-keys", session, new { name = "laptop", publicKey = line })).Status);
        var connected = await _server.ConnectAsync(browser, name, Secret);

        // A day before the end of it: new short-lived ones.
        _server.Clock!.Advance(TimeSpan.FromDays(1.5));
        session = await _server.GrantAsync(user.Id);
        var token = (await _server.PostAsync("/api/v1/tokens", session, new { })).Text("token");
        var certificate = await _server.PostAsync("/api/v1/ssh-certificates", session, new { publicKey = SshTestKeys.Ed25519(), cluster = cluster.Text("id") });
        Assert.True(certificate.Status == 201, certificate.ToString());
        await AssertAsync(works: true);
        var refresh = connected.Text("refresh_token");

        // What was allowed seconds before, and is fetched seconds after.
        var last = TimeSpan.FromSeconds(20);
        _server.Clock!.Advance(user.PausedFrom!.Value - _server.Now - last);
        var device = await _server.StartDeviceAsync();
        await TestServer.ApproveAsync(browser, device);
        var pkce = Pkce.New();
        var code = await _server.GetCodeAsync(browser, name, pkce);
        _server.Clock!.Advance(last);
        await AssertAsync(works: false);
        Assert.Equal(403, await PollStatusAsync());
        Assert.Equal("invalid_grant", (await _server.RedeemAsync(name, Secret, code, pkce)).Error);
        Assert.Equal("invalid_grant", (await _server.RefreshAsync(name, Secret, refresh)).Error);
        Assert.Null(await Sso.WhoAsync(browser));
        Assert.Equal("paused", (await _server.GetAsync($"/api/v1/organization/members/{user.Id}", await _server.GrantAsync(sso.Owner.Id, "organization:read"))).Text("state"));

        using var again = await sso.SignInAsync(_provider, Person(name));
        Assert.Equal(name, await Sso.WhoAsync(again));
        await AssertAsync(works: true);
        Assert.Equal(200, (await _server.RefreshAsync(name, Secret, refresh)).Status);
        Assert.Equal(1, await _server.QueryAsync(database => database.AuditEvents.CountAsync(e => e.SubjectId == user.Id && e.Type == AuditTypes.MemberResumed)));

        async Task AssertAsync(bool works)
        {
            foreach (var credential in (string[])[key, session, token])
                Assert.Equal(works ? 200 : 401, (await _server.GetAsync(Me, credential)).Status);
            Assert.Equal(works, (await _server.IntrospectAsync(name, Secret, key)).Json.GetProperty("active").GetBoolean());
            Assert.Equal(works ? 1 : 0, (await _server.GetAsync($"/api/v1/authorized-keys/{name}", clusterKey)).Json.GetProperty("keys").GetArrayLength());
            var principals = (await _server.GetAsync($"/api/v1/authorized-principals/{name}?serial={certificate.Text("serial")}", clusterKey)).Json.GetProperty("principals");
            Assert.Equal(works ? 1 : 0, principals.GetArrayLength());
            Assert.Equal(works, (await _server.GetAsync("/api/v1/authorized-keys", clusterKey)).Body.Contains(line.Split(' ')[1], StringComparison.Ordinal));
        }

        async Task<int> PollStatusAsync() => (await _server.PollAsync(device)) is { Error: "access_denied" } ? 403 : 0;
    }

    [Fact]
    public async Task The_copy_of_a_cluster_knows_when_somebody_will_pause()
    {
        var sso = await Sso.NewAsync(_server, _provider.Issuer, new { pauseAfterDays = 2 });
        var name = fixture.NewName("copy");
        using var browser = await sso.SignInAsync(_provider, Person(name));
        var user = (await sso.UserOfAsync("1"))!;
        Assert.Equal(201, (await _server.PostAsync("/api/v1/ssh-keys", await _server.GrantAsync(user.Id), new { name = "laptop", publicKey = SshTestKeys.Ed25519() })).Status);
        var cluster = (await _server.PostAsync("/api/v1/organization/clusters", sso.Session, new { name = "c", address = "c.example.test" })).Text("key");
        // More than a copy may be old: the line is as ever, and stays the same for everybody.
        Assert.Null((await LineAsync()).ExpiresAt);
        var from = user.PausedFrom!.Value;
        _server.Clock!.Advance(TimeSpan.FromDays(1.2));
        Assert.Equal(from, (await LineAsync()).ExpiresAt);

        async Task<BundleKey> LineAsync()
        {
            var body = (await _server.GetAsync("/api/v1/authorized-keys", cluster)).Body;
            Assert.True(BundleLine.TryRead(System.Text.Encoding.UTF8.GetBytes(body.Split('\n').Single(line => line.Contains(name, StringComparison.Ordinal))), out _, out var keys), body);
            return keys.Single();
        }
    }

    [Fact]
    public async Task A_password_of_somebody_paused_leads_to_the_provider_and_an_owner_in()
    {
        var sso = await Sso.NewAsync(_server, _provider.Issuer, new { pauseAfterDays = 1 });
        var name = fixture.NewName("local");
        await _server.CreateUserAsync(name, organizationId: sso.Organization.Id);
        await ConnectAsync(name, "1");
        var owner = fixture.NewName("boss");
        await _server.CreateUserAsync(owner, Core.Organizations.Role.Owner, sso.Organization.Id);
        await ConnectAsync(owner, "2");
        _server.Clock!.Advance(TimeSpan.FromDays(1));
        using var browser = await _server.SignInAsync(username: name, password: TestServer.UserPassword);
        Assert.Equal("/sign-in-with", browser.Address.AbsolutePath);
        Assert.Contains("Your account is paused", browser.PageText, StringComparison.Ordinal);
        Assert.Null(await Sso.WhoAsync(browser));
        await sso.SignInAsync(_provider, Person(name), browser);
        Assert.Equal(name, await Sso.WhoAsync(browser));

        // Whoever can repair the provider comes in when it is broken.
        using var boss = await _server.SignInAsync(username: owner, password: TestServer.UserPassword);
        Assert.Equal(owner, await Sso.WhoAsync(boss));
        // And a wrong password learns nothing of it.
        using var wrong = await _server.Browser().SignInAsync(name, "not the password at all");
        Assert.DoesNotContain("paused", wrong.PageText, StringComparison.Ordinal);

        async Task ConnectAsync(string username, string sub)
        {
            using var person = await _server.SignInAsync(username: username, password: TestServer.UserPassword);
            await person.GoAsync("/account/security");
            await person.SubmitAsync("Connect");
            var begun = await sso.BeginAsync(person, person.Page.QuerySelectorAll("a").Single(a => a.TextContent == "Continue").GetAttribute("href")!);
            await sso.ComeBackAsync(person, _provider, begun, Person(username, sub));
            Assert.True(person.PageText.Contains("Your account is connected", StringComparison.Ordinal), person.PageText);
        }
    }

    [Fact]
    public async Task The_number_of_days_counts_for_everybody_at_once_and_a_provider_switched_off_pauses_nobody()
    {
        var sso = await Sso.NewAsync(_server, _provider.Issuer);
        var name = fixture.NewName("days");
        using var browser = await sso.SignInAsync(_provider, Person(name));
        var user = (await sso.UserOfAsync("1"))!;
        Assert.Null(user.PausedFrom);
        var key = (await _server.CreateApiKeyAsync(await _server.GrantAsync(user.Id), "a")).Key;
        _server.Clock!.Advance(TimeSpan.FromDays(5));
        async Task<int> StatusAsync() => (await _server.GetAsync(Me, key)).Status;
        Assert.Equal(200, await StatusAsync());
        var session = await _server.GrantAsync(sso.Owner.Id, "credentials:write organization:read organization:write");
        foreach (var (change, status) in new (object, int)[]
        {
            (new { pauseAfterDays = 5 }, 401), (new { pauseAfterDays = 6 }, 200), (new { pauseAfterDays = 1 }, 401), (new { enabled = false }, 200), (new { enabled = true }, 401), (new { pauseAfterDays = (int?)null }, 200),
            (new { pauseAfterDays = 1 }, 401),
        })
        {
            Assert.Equal(200, (await _server.PatchAsync($"{Sso.Providers}/{sso.ProviderId}", session, change)).Status);
            Assert.Equal(status, await StatusAsync());
        }

        Assert.Equal(204, (await _server.DeleteAsync($"{Sso.Providers}/{sso.ProviderId}", session)).Status);
        Assert.Equal(200, await StatusAsync());
    }

    [Fact]
    public async Task Whoever_is_not_connected_is_never_paused()
    {
        var sso = await Sso.NewAsync(_server, _provider.Issuer, new { pauseAfterDays = 1 });
        var key = (await _server.CreateApiKeyAsync(sso.Session, "a")).Key;
        _server.Clock!.Advance(TimeSpan.FromDays(20));
        Assert.Equal(200, (await _server.GetAsync(Me, key)).Status);
    }

    private static Dictionary<string, object?> Person(string name, string sub = "1") => Sso.Person(sub, name);
}
