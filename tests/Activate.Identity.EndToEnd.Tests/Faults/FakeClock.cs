using System.Globalization;
using Activate.Identity.Testing;

namespace Activate.Identity.EndToEnd.Tests.Faults;

/// <summary>The time of day of the processes that are started with it. It can be set while they run; their timers go on as they did.</summary>
internal sealed class FakeClock
{
    private readonly string _library = Tools.Require("libfaketime", [.. Directory.Exists("/usr/lib") ? Directory.GetDirectories("/usr/lib", "*-linux-gnu").Select(folder => Path.Combine(folder, "faketime/libfaketimeMT.so.1")) : []]);
    private readonly string _file;

    /// <param name="folder">For the file that says what time it is.</param>
    public FakeClock(string folder)
    {
        _file = Path.Combine(folder, "clock");
        File.WriteAllText(_file, "+0");
    }

    public Dictionary<string, string> Settings => new()
    {
        ["LD_PRELOAD"] = _library, ["FAKETIME_TIMESTAMP_FILE"] = _file, ["FAKETIME_CACHE_DURATION"] = "1", ["FAKETIME_DONT_FAKE_MONOTONIC"] = "1", ["DONT_FAKE_MONOTONIC"] = "1",
    };

    /// <summary>Sets it so much after the real time, or before it, and waits until everybody has noticed.</summary>
    public async Task SetAsync(TimeSpan ahead)
    {
        await File.WriteAllTextAsync(_file, ahead.TotalSeconds.ToString("+0;-0", CultureInfo.InvariantCulture));
        // The library looks once a second what time it is to be, and what was read may count for another.
        await Task.Delay(2_200);
    }
}
