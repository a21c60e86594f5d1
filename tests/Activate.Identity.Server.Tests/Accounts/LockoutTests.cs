using Activate.Identity.Data;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Accounts;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Activate.Identity.Server.Tests.Accounts;

public sealed class LockoutTests
{
    [Theory, Trait("Case", "W11")]
    [InlineData(DatabaseProvider.Sqlite)]
    [InlineData(DatabaseProvider.PostgreSql)]
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
        Assert.Equal(PasswordAuthenticator.MaximumFailures, events.Count(e => e.Type == AuditTypes.SignInFailed && e.Detail is null));
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
        Assert.Equal(9, await server.QueryAsync(database => database.Users.Select(u => u.AccessFailedCount).SingleAsync()));
        await browsers[0].SignInAsync();
        await Task.WhenAll(browsers.Skip(1).Select(browser => browser.SignInAsync()));
        Assert.All(browsers, browser => Assert.Contains("Welcome, ada", browser.PageText, StringComparison.Ordinal));
        Assert.Equal(0, await server.QueryAsync(database => database.Users.Select(u => u.AccessFailedCount).SingleAsync()));
        browsers.ForEach(browser => browser.Dispose());
    }

    [Fact, Trait("Case", "D17")]
    public async Task A_lock_lasts_ten_minutes_shows_in_older_sessions_and_starts_the_count_afresh()
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { FakeClock = true });
        using var old = server.Browser();
        await old.SignInAsync();
        Assert.DoesNotContain("nothing can be approved", old.PageText, StringComparison.Ordinal);

        using var attacker = server.Browser();
        for (var i = 0; i < 10; i++)
            await attacker.SignInAsync(password: "wrong password");
        await old.GoAsync("/");
        Assert.Contains("nothing can be approved", old.PageText, StringComparison.Ordinal);

        server.Clock!.Advance(TimeSpan.FromMinutes(9.9));
        await attacker.SignInAsync();
        Assert.Contains("Username or password is wrong", attacker.PageText, StringComparison.Ordinal);
        server.Clock.Advance(TimeSpan.FromMinutes(0.2));
        await old.GoAsync("/");
        Assert.DoesNotContain("nothing can be approved", old.PageText, StringComparison.Ordinal);
        for (var i = 0; i < 9; i++)
            await attacker.SignInAsync(password: "wrong password");
        await attacker.SignInAsync();
        Assert.Contains("Welcome, ada", attacker.PageText, StringComparison.Ordinal);
    }

    [Fact]
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
        Assert.Equal(0, await server.QueryAsync(database => database.Users.Select(u => u.AccessFailedCount).SingleAsync()));
        await browser.SignInAsync();
        Assert.Contains("Welcome, ada", browser.PageText, StringComparison.Ordinal);
    }
}
