using Activate.Identity.Data;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Accounts;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Activate.Identity.Server.Tests.Accounts;

public sealed class LockoutTests
{
    [Theory, Trait("Case", "W11"), Trait("Case", "R12")]
    [EachDatabase]
    public async Task Of_50_parallel_wrong_passwords_on_two_nodes_10_are_looked_at(DatabaseProvider provider)
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { Nodes = 2, Database = provider });
        var browsers = Enumerable.Range(0, 50).Select(i => server.Browser(i % 2)).ToList();
        await Task.WhenAll(browsers.Select(browser => browser.GoAsync("/sign-in")));
        await Task.WhenAll(browsers.Select(async (browser, i) =>
        {
            // On a slow machine the last in the queue are told, after ten seconds, that nothing was checked.
            do
                await browser.SubmitAsync("Sign in", ("Username", TestServer.OwnerName), ("Password", $"guess number {i}"));
            while (browser.PageText.Contains("Nothing was checked", StringComparison.Ordinal));
        }));
        Assert.All(browsers, browser => Assert.Contains("Username or password is wrong", browser.PageText, StringComparison.Ordinal));

        var events = await server.QueryAsync(database => database.AuditEvents.ToListAsync());
        Assert.Equal(50, events.Count(e => e.Type == AuditTypes.SignInFailed));
        Assert.Equal(SignInTries.OfNetwork, events.Count(e => e.Type == AuditTypes.SignInFailed && e.Detail is null));
        Assert.Single(events, e => e.Type == AuditTypes.LockedOut);

        await browsers[0].SignInAsync();
        Assert.Contains("Username or password is wrong", browsers[0].PageText, StringComparison.Ordinal);
        browsers.ForEach(browser => browser.Dispose());
    }

    [Fact, Trait("Case", "W11")]
    public async Task Parallel_right_passwords_all_sign_in_and_9_wrong_ones_do_not_lock()
    {
        await using var server = await TestServer.StartAsync();
        var browsers = Enumerable.Range(0, 9).Select(_ => server.Browser()).ToList();
        await Task.WhenAll(browsers.Select(browser => browser.SignInAsync(password: "wrong password")));
        Assert.Equal(9, await CountAsync(server));
        await browsers[0].SignInAsync();
        await Task.WhenAll(browsers.Skip(1).Select(browser => browser.SignInAsync()));
        Assert.All(browsers, browser => Assert.Contains("Welcome, ada", browser.PageText, StringComparison.Ordinal));
        Assert.Equal(0, await CountAsync(server));
        browsers.ForEach(browser => browser.Dispose());
    }

    /// <summary>Wrong passwords of the owner's account from the network that all tests are in.</summary>
    private static Task<int> CountAsync(TestServer server) => server.QueryAsync(async database =>
    {
        var key = $"password:{await database.Users.Where(u => u.UserName == TestServer.OwnerName).Select(u => u.Id).SingleAsync():N}:127.0.0.1";
        return await database.Throttles.Where(t => t.Key == key).Select(t => t.Count).SingleAsync();
    });

    private const string Refused = "Username or password is wrong";
    private const string Locked = "nothing can be approved";

    [Fact, Trait("Case", "W12")]
    public async Task Strangers_wrong_passwords_keep_neither_the_owners_browser_nor_its_session_nor_another_network_out()
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { FakeClock = true, Settings = new Dictionary<string, string?> { ["Server:TrustedProxies:0"] = "127.0.0.1" } });
        using var owner = server.Browser();
        await owner.SignInAsync();
        await owner.SubmitAsync("Sign out");
        using var session = server.Browser();
        await session.SignInAsync();

        async Task<string> TryAsync(string address, string password = "wrong password")
        {
            using var stranger = server.Browser();
            await stranger.GoAsync("/sign-in");
            var request = stranger.FormRequest("Sign in", ("Username", TestServer.OwnerName), ("Password", password));
            request.Headers.Add("X-Forwarded-For", address);
            return (await stranger.SendAsync(request, follow: true)).PageText;
        }

        for (var i = 0; i < SignInTries.OfNetwork; i++)
            await TryAsync("192.0.2.1");
        Assert.Contains(Refused, await TryAsync("192.0.2.1", TestServer.OwnerPassword), StringComparison.Ordinal);
        // A network is a /64.
        for (var i = 0; i < SignInTries.OfNetwork; i++)
            await TryAsync($"2001:db8::{i + 1}");
        Assert.Contains(Refused, await TryAsync("2001:db8::ffff", TestServer.OwnerPassword), StringComparison.Ordinal);
        Assert.Contains("Welcome, ada", await TryAsync("2001:db8:0:1::1", TestServer.OwnerPassword), StringComparison.Ordinal);

        // Then all strangers together have no more, wherever they are.
        for (var i = 0; i < SignInTries.OfStrangers - (2 * SignInTries.OfNetwork); i++)
            await TryAsync("198.51.100.7");
        Assert.Contains(Refused, await TryAsync("203.0.113.5", TestServer.OwnerPassword), StringComparison.Ordinal);
        Assert.Equal(SignInTries.OfStrangers, await server.QueryAsync(database => database.AuditEvents.CountAsync(e => e.Type == AuditTypes.SignInFailed && e.Detail == null)));

        await owner.SignInAsync();
        Assert.Contains("Welcome, ada", owner.PageText, StringComparison.Ordinal);
        Assert.DoesNotContain(Locked, owner.PageText, StringComparison.Ordinal);
        await session.GoAsync("/");
        Assert.DoesNotContain(Locked, session.PageText, StringComparison.Ordinal);

        server.Clock!.Advance(SignInTries.StrangersWindow);
        Assert.Contains("Welcome, ada", await TryAsync("203.0.113.5", TestServer.OwnerPassword), StringComparison.Ordinal);
    }

    [Fact, Trait("Case", "D17"), Trait("Case", "W14")]
    public async Task Wrong_passwords_at_a_device_of_the_owners_lock_it_and_sessions_make_nothing_for_ten_minutes()
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { FakeClock = true });
        using var old = server.Browser();
        await old.SignInAsync();
        using var device = server.Browser();
        await device.SignInAsync();
        await device.SubmitAsync("Sign out");
        for (var i = 0; i < SignInTries.OfDevice; i++)
            await device.SignInAsync(password: "wrong password");
        await old.GoAsync("/");
        Assert.Contains(Locked, old.PageText, StringComparison.Ordinal);

        server.Clock!.Advance(TimeSpan.FromMinutes(9.9));
        await device.SignInAsync();
        Assert.Contains(Refused, device.PageText, StringComparison.Ordinal);
        // Somewhere else the owner gets in.
        using var elsewhere = server.Browser();
        await elsewhere.SignInAsync();
        Assert.Contains("Welcome, ada", elsewhere.PageText, StringComparison.Ordinal);
        server.Clock.Advance(TimeSpan.FromMinutes(0.2));
        await old.GoAsync("/");
        Assert.DoesNotContain(Locked, old.PageText, StringComparison.Ordinal);
        for (var i = 0; i < 9; i++)
            await device.SignInAsync(password: "wrong password");
        await device.SignInAsync();
        Assert.Contains("Welcome, ada", device.PageText, StringComparison.Ordinal);
        var told = await server.QueryAsync(database => database.AuditEvents.SingleAsync(e => e.Type == AuditTypes.LockedOut));
        Assert.Equal("a known device", told.Detail);
    }

    [Theory, Trait("Case", "W12")]
    [InlineData("")]
    [InlineData("CfDJ8")]
    [InlineData("====")]
    public async Task A_forged_device_cookie_makes_a_stranger(string cookie)
    {
        await using var server = await TestServer.StartAsync();
        using var browser = server.Browser();
        for (var i = 0; i <= SignInTries.OfNetwork; i++)
        {
            browser.Cookies.Add(server.Origin, new System.Net.Cookie("activate-device", cookie));
            await browser.SignInAsync(password: "wrong password");
        }

        Assert.Equal(SignInTries.OfNetwork, await CountAsync(server));
    }

    [Fact, Trait("Case", "W12")]
    public async Task A_browser_is_known_for_the_accounts_that_signed_in_there_and_for_no_other()
    {
        await using var server = await TestServer.StartAsync();
        await server.CreateUserAsync("grace");
        using var browser = server.Browser();
        await browser.SignInAsync("grace", TestServer.UserPassword);
        await browser.SubmitAsync("Sign out");
        await browser.SignInAsync(password: "wrong password");
        Assert.Equal(1, await CountAsync(server));
        await browser.SignInAsync();
        await browser.SubmitAsync("Sign out");
        await browser.SignInAsync("grace", "wrong password");
        await browser.SignInAsync(password: "wrong password");
        // Each on its own device's count now.
        Assert.Equal(0, await CountAsync(server));
    }

    [Fact]
    [Trait("Nodes", "One")]
    public async Task A_flood_that_is_turned_away_uses_up_no_try()
    {
        await using var server = await TestServer.StartAsync();
        var gate = server.Services().GetRequiredService<PasswordGate>();
        var turns = new List<PasswordGate.Turn>();
        for (var i = 0; i < Environment.ProcessorCount; i++)
        {
            Assert.True((await gate.EnterAsync(CancellationToken.None)).TryGet(out var turn, out _));
            turns.Add(turn);
        }

        using var patience = new CancellationTokenSource();
        var queue = Enumerable.Range(0, Environment.ProcessorCount * 200).Select(_ => gate.EnterAsync(patience.Token)).ToList();
        using var browser = server.Browser();
        await browser.SignInAsync();
        Assert.Equal(503, (int)browser.Response.StatusCode);
        Assert.Equal("5", browser.Response.Headers.GetValues("Retry-After").Single());
        await patience.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Task.WhenAll(queue));
        turns.ForEach(turn => turn.Dispose());
        Assert.Equal(0, await server.QueryAsync(database => database.Throttles.CountAsync(t => t.Key.StartsWith("password:"))));
        await browser.SignInAsync();
        Assert.Contains("Welcome, ada", browser.PageText, StringComparison.Ordinal);
    }
}
