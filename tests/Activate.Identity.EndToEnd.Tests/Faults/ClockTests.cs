using System.Buffers.Text;
using Activate.Identity.Data;
using Activate.Identity.Testing;

namespace Activate.Identity.EndToEnd.Tests.Faults;

/// <summary>A machine whose clock is set while the server runs: nothing breaks, nothing that was ended comes back, and what ends by time ends by the clock there is.</summary>
public sealed class ClockTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("activate-clock-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact, Trait("Case", "F17")]
    public async Task A_clock_that_jumps_forward_and_back_neither_revives_what_was_ended_nor_breaks_what_lives()
    {
        var clock = new FakeClock(_folder.FullName);
        await using var server = new ServerProcess(_folder.FullName, clock.Settings);
        await server.StartAsync();
        using var client = server.Client();
        var session = await server.LogInAsync();
        var (living, day, ended) = (await CreateAsync(client, session, "living"), await CreateAsync(client, session, "day", 1), await CreateAsync(client, session, "ended"));
        Assert.Equal(204, (await ServerProcess.SendAsync(client, HttpMethod.Delete, $"/api/v1/api-keys/{ended.Id}", session)).Status);

        foreach (var (jump, isOver) in new[] { (TimeSpan.FromHours(-2), false), (TimeSpan.FromHours(25), true), (TimeSpan.FromDays(400), true), (TimeSpan.FromDays(-30), false) })
        {
            await clock.SetAsync(jump);
            Assert.Equal((jump, 200, 401), (jump, await ServerProcess.StatusAsync(client, "/api/v1/me", living.Key), await ServerProcess.StatusAsync(client, "/api/v1/me", ended.Key)));
            foreach (var timed in (string[])[day.Key, session])
            {
                var status = await ServerProcess.StatusAsync(client, "/api/v1/me", timed);
                // When the clock goes back, what it ended may live again, or be deleted already.
                Assert.True(isOver ? status == 401 : status is 200 or 401, $"{jump}: {status}");
            }

            // Whoever comes now can sign in, make a key and use it.
            var now = await server.LogInAsync();
            Assert.Equal(200, await ServerProcess.StatusAsync(client, "/api/v1/me", (await CreateAsync(client, now, $"at {jump}")).Key));
            Assert.Equal(200, await ServerProcess.StatusAsync(client, "/health/ready"));
        }

        Assert.DoesNotContain("Unhandled exception", server.Output, StringComparison.Ordinal);
    }

    [Fact, Trait("Case", "C3")]
    public async Task The_key_ring_gets_its_next_key_while_two_nodes_run_and_each_reads_what_the_other_wrote_under_either()
    {
        var connectionString = await TestDatabases.CreateAsync(DatabaseProvider.PostgreSql);
        var clock = new FakeClock(_folder.FullName);
        var origin = new Uri("http://id.example.test");
        // A thread that waits for its socket no longer than so much hardly waits at all under this library.
        var settings = clock.Settings.Concat(ServerProcess.On(DatabaseProvider.PostgreSql, connectionString + ";Command Timeout=0;Timeout=0")).ToArray();
        await using var first = new ServerProcess(_folder.FullName, settings, origin);
        await using var second = new ServerProcess(_folder.FullName, settings, origin);
        await first.StartAsync();
        await second.StartAsync();

        var oldest = await AssertEachReadsTheOtherAsync(first, second);
        // Two days before a key ends, its follower lies in the ring, and waits: nodes look for it once a day.
        await clock.SetAsync(TimeSpan.FromDays(89));
        foreach (var node in (int[])[0, 1])
            Assert.Equal(oldest, await KeyOfTodayAsync(node));
        await clock.SetAsync(TimeSpan.FromHours((90 * 24) - 1));
        using var before = await new Browser(origin, [first.Client(), second.Client()]).SignInAsync();
        Assert.Equal(oldest, KeyOf(await before.GoAsync("/sign-out")));
        await clock.SetAsync(TimeSpan.FromHours((90 * 24) + 1));
        // A node that notices that its ring is old reads it beside its work.
        foreach (var node in (int[])[0, 1])
        {
            for (var until = DateTime.UtcNow.AddSeconds(20); await KeyOfTodayAsync(node) == oldest;)
                Assert.True(DateTime.UtcNow < until, "The ring has no new key.");
        }

        var next = await AssertEachReadsTheOtherAsync(first, second);
        Assert.NotEqual(oldest, next);
        // A form of the key before is taken all the same, by a node that started under the next one, too.
        await first.KillAsync();
        await first.StartAsync();
        Assert.Equal(200, (int)(await before.SubmitAsync("Sign out")).Response.StatusCode);
        Assert.Equal("/sign-in", (await before.At(1).GoAsync("/account/profile")).Address.AbsolutePath);
        using var client = second.Client();
        Assert.Equal(200, await ServerProcess.StatusAsync(client, "/api/v1/me", await first.LogInAsync()));

        await first.KillAsync();
        await second.KillAsync();
        await TestDatabases.DropAsync(DatabaseProvider.PostgreSql, connectionString!);

        async Task<Guid> KeyOfTodayAsync(int node)
        {
            using var stranger = new Browser(origin, [first.Client(), second.Client()], node);
            return KeyOf(await stranger.GoAsync("/sign-in"));
        }
    }

    /// <summary>Somebody signs in at one node, and is known to the other, which takes the form of the first and gives one back. Answers the ring's key of the day.</summary>
    private static async Task<Guid> AssertEachReadsTheOtherAsync(ServerProcess one, ServerProcess other)
    {
        using var browser = new Browser(one.Origin, [one.Client(), other.Client()]);
        await browser.GoAsync("/sign-in");
        await browser.At(1).SubmitAsync("Sign in", ("Username", TestServer.OwnerName), ("Password", TestServer.OwnerPassword));
        var (key, signedIn, text) = (KeyOf(browser), browser.Response, browser.PageText);
        await browser.At(0).GoAsync("/sign-out");
        Assert.True(browser.Address.AbsolutePath == "/sign-out", $"Not signed in: {(int)signedIn.StatusCode} {text}\n{other.Output}");
        await browser.At(1).SubmitAsync("Sign out");
        Assert.Equal("/sign-in", (await browser.At(0).GoAsync("/account/profile")).Address.AbsolutePath);
        return key;
    }

    /// <summary>The ring's key that the cookie of a browser's forms was made with: after four bytes that say what it is.</summary>
    private static Guid KeyOf(Browser browser)
    {
        var cookie = browser.Cookies.GetCookies(browser.Address)["activate-form"];
        Assert.True(cookie is not null, $"There was no form: {browser.PageText}");
        return new Guid(Base64Url.DecodeFromChars(cookie.Value).AsSpan(4, 16));
    }

    private static async Task<(string Id, string Key)> CreateAsync(HttpClient client, string session, string name, int? days = null)
    {
        var made = await ServerProcess.SendAsync(client, HttpMethod.Post, "/api/v1/api-keys", session, new { name, expiresInDays = days });
        Assert.True(made.Status == 201, made.ToString());
        return (made.Text("id"), made.Text("key"));
    }
}
