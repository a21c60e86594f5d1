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
        var library = Tools.Require("libfaketime", [.. Directory.Exists("/usr/lib") ? Directory.GetDirectories("/usr/lib", "*-linux-gnu").Select(folder => Path.Combine(folder, "faketime/libfaketimeMT.so.1")) : []]);
        var clock = Path.Combine(_folder.FullName, "clock");
        await SetAsync(clock, "+0");
        await using var server = new ServerProcess(_folder.FullName, new Dictionary<string, string>
        {
            // Only what people call the time: timers go on as they did.
            ["LD_PRELOAD"] = library, ["FAKETIME_TIMESTAMP_FILE"] = clock, ["FAKETIME_CACHE_DURATION"] = "1", ["FAKETIME_DONT_FAKE_MONOTONIC"] = "1", ["DONT_FAKE_MONOTONIC"] = "1",
        });
        await server.StartAsync();
        using var client = server.Client();
        var session = await server.LogInAsync();
        var (living, day, ended) = (await CreateAsync(client, session, "living"), await CreateAsync(client, session, "day", 1), await CreateAsync(client, session, "ended"));
        Assert.Equal(204, (await ServerProcess.SendAsync(client, HttpMethod.Delete, $"/api/v1/api-keys/{ended.Id}", session)).Status);

        foreach (var (jump, isOver) in new[] { ("-2h", false), ("+25h", true), ("+400d", true), ("-30d", false) })
        {
            await SetAsync(clock, jump);
            // The library looks once a second what time it is to be, and what was read may count for another.
            await Task.Delay(2_200);
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

    private static Task SetAsync(string clock, string offset) => File.WriteAllTextAsync(clock, offset);

    private static async Task<(string Id, string Key)> CreateAsync(HttpClient client, string session, string name, int? days = null)
    {
        var made = await ServerProcess.SendAsync(client, HttpMethod.Post, "/api/v1/api-keys", session, new { name, expiresInDays = days });
        Assert.True(made.Status == 201, made.ToString());
        return (made.Text("id"), made.Text("key"));
    }
}
