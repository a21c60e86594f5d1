using Activate.Identity.Core.Organizations;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Server.Tests.Organizations;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Tests.Accounts;

[Trait("Database", "Differs")]
public sealed class BrowserSessionTests(FakeClockFixture fixture) : IClassFixture<FakeClockFixture>
{
    private readonly TestServer _server = fixture.Server;

    /// <summary>The owner of an organization of its own, with a device login and a browser.</summary>
    private async Task<(User Owner, string Session, Browser Browser)> SignInAsync()
    {
        var organization = await _server.CreateOrganizationAsync($"org-{Guid.NewGuid():N}"[..20]);
        var owner = await _server.CreateUserAsync($"u{Guid.NewGuid():N}"[..20], Role.Owner, organization.Id);
        return (owner, await _server.GrantAsync(owner.Id), await _server.SignInAsync(username: owner.UserName!, password: TestServer.UserPassword));
    }

    private static async Task<bool> IsSignedInAsync(Browser browser)
    {
        await browser.GoAsync("/");
        return browser.Address.AbsolutePath == "/";
    }

    [Fact]
    public async Task A_session_ends_when_it_was_idle_too_long()
    {
        using var browser = _server.Browser();
        await browser.SignInAsync();
        _server.Clock!.Advance(TimeSpan.FromMinutes(719));
        Assert.True(await IsSignedInAsync(browser));
        _server.Clock.Advance(TimeSpan.FromMinutes(719));
        Assert.True(await IsSignedInAsync(browser));
        _server.Clock.Advance(TimeSpan.FromMinutes(720));
        Assert.False(await IsSignedInAsync(browser));
    }

    [Fact]
    public async Task A_session_ends_after_a_week_however_busy()
    {
        using var browser = _server.Browser();
        await browser.SignInAsync();
        for (var hours = 0; hours < 167; hours++)
        {
            _server.Clock!.Advance(TimeSpan.FromHours(1));
            Assert.True(await IsSignedInAsync(browser));
        }

        _server.Clock!.Advance(TimeSpan.FromHours(1));
        Assert.False(await IsSignedInAsync(browser));
    }

    [Fact]
    public async Task The_time_last_seen_is_written_at_most_once_a_minute()
    {
        var user = await _server.CreateUserAsync("seen");
        using var browser = _server.Browser();
        await browser.SignInAsync("seen", TestServer.UserPassword);
        var start = _server.Now;
        _server.Clock!.Advance(TimeSpan.FromSeconds(59));
        await browser.GoAsync("/");
        Assert.Equal(start, await SeenAsync());
        _server.Clock.Advance(TimeSpan.FromSeconds(1));
        await browser.GoAsync("/");
        Assert.Equal(start.AddMinutes(1), await SeenAsync());

        Task<DateTime> SeenAsync() => _server.QueryAsync(database => database.BrowserSessions.Where(s => s.UserId == user.Id).Select(s => s.LastSeenAt).SingleAsync());
    }

    [Theory]
    [InlineData("maximumHours", 1, 168)]
    [InlineData("idleMinutes", 30, 720)]
    public async Task A_session_that_was_found_ended_is_not_revived_when_the_policy_is_loosened(string member, int strict, int loose)
    {
        var (owner, session, browser) = await SignInAsync();
        using var signedIn = browser;
        Assert.Equal(200, (await _server.SetPolicyAsync(session, new { webSessions = new Dictionary<string, int> { [member] = strict } })).Status);
        _server.Clock!.Advance(TimeSpan.FromHours(2));
        Assert.False(await IsSignedInAsync(browser));
        Assert.Equal(200, (await _server.SetPolicyAsync(session, new { webSessions = new Dictionary<string, int> { [member] = loose } })).Status);
        Assert.False(await IsSignedInAsync(browser));
        Assert.False(await _server.QueryAsync(database => database.BrowserSessions.AnyAsync(s => s.UserId == owner.Id)));
    }

    [Theory]
    [InlineData(1, 30)]
    [InlineData(1, 45)]
    [InlineData(2, 75)]
    public async Task Somebody_who_clicks_more_often_than_the_idle_time_stays_signed_in(int idleMinutes, int secondsBetweenClicks)
    {
        var (owner, session, browser) = await SignInAsync();
        using var signedIn = browser;
        Assert.Equal(200, (await _server.SetPolicyAsync(session, new { webSessions = new { idleMinutes } })).Status);
        for (var click = 0; click < 6; click++)
        {
            Assert.True(await IsSignedInAsync(browser), $"Signed out after {click * secondsBetweenClicks} s, though never idle for {idleMinutes} min.");
            _server.Clock!.Advance(TimeSpan.FromSeconds(secondsBetweenClicks));
        }

        _server.Clock!.Advance(TimeSpan.FromMinutes(idleMinutes));
        Assert.False(await IsSignedInAsync(browser));
    }

    [Fact]
    public async Task A_disabled_user_and_a_suspended_organization_are_out_at_once()
    {
        var organization = await _server.CreateOrganizationAsync("session-org");
        await _server.CreateUserAsync("bob", organizationId: organization.Id);
        using var browser = _server.Browser();
        await browser.SignInAsync("bob", TestServer.UserPassword);
        await _server.SetDisabledAsync("bob");
        Assert.False(await IsSignedInAsync(browser));
        await _server.SetDisabledAsync("bob", disabled: false);
        Assert.True(await IsSignedInAsync(browser));
        await _server.SetSuspendedAsync("session-org");
        Assert.False(await IsSignedInAsync(browser));
    }

    [Fact]
    public async Task A_role_that_changes_shows_at_the_next_request()
    {
        await _server.CreateUserAsync("promoted");
        using var browser = _server.Browser();
        await browser.SignInAsync("promoted", TestServer.UserPassword);
        Assert.Contains("member", browser.PageText, StringComparison.Ordinal);
        await _server.QueryAsync(database => database.Users.Where(u => u.UserName == "promoted")
            .ExecuteUpdateAsync(set => set.SetProperty(u => u.Role, Core.Organizations.Role.Admin)));
        await browser.GoAsync("/");
        Assert.Contains("admin", browser.PageText, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Sessions_that_ended_are_deleted_within_the_hour()
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { FakeClock = true });
        using var browser = server.Browser();
        await browser.SignInAsync();
        server.Clock!.Advance(TimeSpan.FromHours(169));
        for (var i = 0; i < 100 && await server.QueryAsync(database => database.BrowserSessions.AnyAsync()); i++)
            await Task.Delay(50);
        Assert.False(await server.QueryAsync(database => database.BrowserSessions.AnyAsync()));
    }

    [Fact]
    public async Task The_server_s_ceiling_shortens_sessions()
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions
        {
            FakeClock = true,
            Settings = new Dictionary<string, string?> { ["Policy:Ceiling:WebSessions:MaximumHours"] = "1" },
        });
        using var browser = server.Browser();
        await browser.SignInAsync();
        server.Clock!.Advance(TimeSpan.FromMinutes(59));
        Assert.True(await IsSignedInAsync(browser));
        server.Clock.Advance(TimeSpan.FromMinutes(1));
        Assert.False(await IsSignedInAsync(browser));
    }
}
