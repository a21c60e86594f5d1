using System.Diagnostics;
using System.Net.Http;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Server.Tests.Connect;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Tests.Devices;

/// <summary>Guessing user codes: five wrong ones per account in ten minutes, counted exactly, over all nodes.</summary>
public sealed class UserCodeGuessingTests(SharedNodesWithClock shared) : IClassFixture<SharedNodesWithClock>
{
    private const string Wrong = "No device is waiting for this code";
    private readonly TestServer _server = shared.Server;

    private static async Task<Browser> EnterAsync(Browser browser, string code)
    {
        await browser.GoAsync("/device");
        return await browser.SubmitAsync("Continue", ("code", code));
    }

    [Fact, Trait("Case", "D3")]
    public async Task After_five_wrong_codes_even_the_right_one_is_refused_for_ten_minutes_but_only_to_this_account()
    {
        var login = await _server.StartDeviceAsync();
        var (username, browser) = await shared.NewUserAsync();
        using var guesser = browser;
        for (var guess = 0; guess < 5; guess++)
        {
            await EnterAsync(guesser.At(guess % 2), $"BBBB-BBB{"BCDFG"[guess]}");
            Assert.Equal(200, (int)guesser.Response.StatusCode);
            Assert.Contains(Wrong, guesser.PageText, StringComparison.Ordinal);
        }

        await EnterAsync(guesser, login.UserCode);
        Assert.Equal(429, (int)guesser.Response.StatusCode);
        Assert.NotNull(guesser.Response.Headers.RetryAfter);
        Assert.DoesNotContain("Connect this device?", guesser.PageText, StringComparison.Ordinal);
        // Nor by a link, nor in another browser of the same account.
        await guesser.GoAsync($"/device?user_code={login.UserCode}");
        Assert.DoesNotContain("Connect this device?", guesser.PageText, StringComparison.Ordinal);
        await guesser.SubmitAsync("Continue");
        Assert.Equal(429, (int)guesser.Response.StatusCode);
        using var second = await _server.SignInAsync(1, username, TestServer.UserPassword);
        await EnterAsync(second, login.UserCode);
        Assert.Equal(429, (int)second.Response.StatusCode);
        Assert.Equal("authorization_pending", (await _server.PollAsync(login)).Error);

        var (_, other) = await shared.NewUserAsync();
        using (other)
        {
            await TestServer.ApproveAsync(other, login);
            Assert.Contains("Device connected", other.PageText, StringComparison.Ordinal);
        }

        _server.Clock!.Advance(TimeSpan.FromMinutes(10));
        var later = await _server.StartDeviceAsync();
        await TestServer.ApproveAsync(guesser, later);
        Assert.Contains("Device connected", guesser.PageText, StringComparison.Ordinal);
    }

    [Fact, Trait("Case", "D3"), Trait("Case", "R12")]
    public async Task Guesses_in_parallel_are_counted_exactly()
    {
        var (_, browser) = await shared.NewUserAsync();
        using var guesser = browser;
        await guesser.GoAsync("/device");
        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(guess =>
            _server.SendAsync(guesser, guesser.FormRequest("Continue", ("code", $"BBBB-{"BCDFGHJKLMNPQRSTVWXZ"[guess]}BBB")), guess % 2)));
        Assert.Equal(5, answers.Count(answer => answer.Body.Contains(Wrong, StringComparison.Ordinal)));
        Assert.Equal(15, answers.Count(answer => answer.Status == 429));
    }

    [Fact, Trait("Case", "D3")]
    public async Task Right_codes_do_not_use_up_the_guesses()
    {
        var (_, browser) = await shared.NewUserAsync();
        using var person = browser;
        for (var guess = 0; guess < 4; guess++)
            await EnterAsync(person, $"CCCC-CCC{"BCDF"[guess]}");
        for (var right = 0; right < 3; right++)
        {
            var login = await _server.StartDeviceAsync();
            await TestServer.ApproveAsync(person, login);
            Assert.Contains("Device connected", person.PageText, StringComparison.Ordinal);
        }

        await EnterAsync(person, "CCCC-CCCG");
        Assert.Contains(Wrong, person.PageText, StringComparison.Ordinal);
        await EnterAsync(person, "CCCC-CCCH");
        Assert.Equal(429, (int)person.Response.StatusCode);
    }

    [Fact, Trait("Case", "D3")]
    public async Task Links_of_a_stranger_neither_use_up_the_guesses_of_a_person_nor_tell_whether_a_code_is_right()
    {
        var login = await _server.StartDeviceAsync();
        var (_, browser) = await shared.NewUserAsync();
        using var person = browser;
        var pages = new List<string>();
        foreach (var code in (string[])[.. "BCDFGHJK".Select(letter => $"FFFF-FFF{letter}"), login.UserCode])
        {
            await person.GoAsync($"/device?user_code={code}");
            pages.Add(person.PageText.Replace(code, "", StringComparison.Ordinal));
        }

        Assert.Single(pages.Distinct());
        await person.SubmitAsync("Continue");
        Assert.Contains("Connect this device?", person.PageText, StringComparison.Ordinal);
    }

    [Theory, Trait("Case", "D3")]
    [InlineData("")]
    [InlineData("not a code at all")]
    public async Task What_is_no_code_counts_as_a_guess_like_any_other(string text)
    {
        var (_, browser) = await shared.NewUserAsync();
        using var person = browser;
        for (var guess = 0; guess < 5; guess++)
            await EnterAsync(person, text);
        await EnterAsync(person, text);
        Assert.Equal(429, (int)person.Response.StatusCode);
    }

    [Fact, Trait("Case", "D3")]
    public async Task Somebody_who_guesses_no_more_can_still_deny_what_they_opened_before()
    {
        var login = await _server.StartDeviceAsync();
        var (_, browser) = await shared.NewUserAsync();
        using var person = browser;
        await EnterAsync(person, login.UserCode);
        var deny = person.FormRequest("Deny");
        for (var guess = 0; guess < 6; guess++)
            await EnterAsync(person, $"DDDD-DDD{"BCDFGH"[guess]}");
        Assert.Equal(429, (int)person.Response.StatusCode);
        await person.SendAsync(deny);
        Assert.Contains("Denied", person.PageText, StringComparison.Ordinal);
        Assert.Equal("access_denied", (await _server.PollAsync(login)).Error);
    }
}

/// <summary>Very many wrong codes by everybody together.</summary>
public sealed class UserCodeFloodTests
{
    [Fact, Trait("Case", "D3")]
    public async Task Very_many_wrong_codes_in_all_slow_code_entry_down_and_never_refuse_it()
    {
        await using var server = await TestServer.StartAsync();
        await server.QueryAsync(async database =>
        {
            database.Throttles.Add(new Throttle { Key = "user-code", Count = 500, WindowEndsAt = server.Now.AddMinutes(10) });
            return await database.SaveChangesAsync();
        });
        var login = await server.StartDeviceAsync();
        using var browser = await server.SignInAsync();
        await browser.GoAsync("/device");
        var start = Stopwatch.GetTimestamp();
        await browser.SubmitAsync("Continue", ("code", login.UserCode));
        Assert.True(Stopwatch.GetElapsedTime(start) >= TimeSpan.FromSeconds(1.9));
        // What is open already is no guess, and is not slowed down.
        start = Stopwatch.GetTimestamp();
        await browser.SubmitAsync("Allow");
        Assert.True(Stopwatch.GetElapsedTime(start) < TimeSpan.FromSeconds(1.9));
        Assert.Equal(200, (await server.PollAsync(login)).Status);
        Assert.Equal(500, await server.QueryAsync(database => database.Throttles.Where(t => t.Key == "user-code").Select(t => t.Count).SingleAsync()));
    }
}
