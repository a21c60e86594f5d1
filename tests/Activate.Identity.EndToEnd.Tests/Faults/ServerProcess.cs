using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using Activate.Identity.Data;
using Activate.Identity.Testing;

namespace Activate.Identity.EndToEnd.Tests.Faults;

/// <summary>The server as it is shipped, a process of its own, which is killed, stopped and started again at one address on one database.</summary>
internal sealed class ServerProcess : IAsyncDisposable
{
    private readonly Dictionary<string, string> _settings;
    private readonly IReadOnlyList<string> _under;
    private RunningProgram? _program;

    /// <param name="folder">For its data.</param>
    /// <param name="settings">More settings, e.g. of the database.</param>
    /// <param name="origin">The public origin; null: its own address.</param>
    /// <param name="under">A program with its arguments that starts it, such as prlimit.</param>
    public ServerProcess(string folder, IEnumerable<KeyValuePair<string, string>>? settings = null, Uri? origin = null, IReadOnlyList<string>? under = null)
    {
        _under = under ?? [];
        Port = RunningProgram.FreePort();
        Origin = origin ?? new Uri($"http://localhost:{Port}");
        _settings = new Dictionary<string, string>
        {
            ["Urls"] = $"http://127.0.0.1:{Port}", ["Server__PublicOrigin"] = Origin.GetLeftPart(UriPartial.Authority), ["Data__Folder"] = folder, ["RateLimits__Enabled"] = "false",
            ["ApiKeys__MaximumPerUser"] = "10000",
            ["Setup__Organization"] = TestServer.OrganizationName, ["Setup__Username"] = TestServer.OwnerName, ["Setup__Email"] = TestServer.OwnerEmail, ["Setup__Password"] = TestServer.OwnerPassword,
            ["DOTNET_TieredPGO"] = "0",
        };
        foreach (var (name, value) in settings ?? [])
            _settings[name] = value;
    }

    /// <summary>The program as it was built with the tests.</summary>
    public const string ThisVersion = "Activate.Identity.Server.dll";

    /// <summary>The program that is started next: the path of another version's, e.g.</summary>
    public string Version { get; set; } = ThisVersion;

    public int Port { get; }

    public Uri Origin { get; }

    public string Output => _program?.Output ?? "";

    /// <summary>The settings that put it on a database of a test.</summary>
    public static Dictionary<string, string> On(DatabaseProvider provider, string? connectionString) =>
        connectionString is null ? [] : new() { ["Database__Provider"] = provider.ToString(), ["Database__ConnectionString"] = connectionString };

    /// <summary>A client that talks to this process under the public origin.</summary>
    public HttpClient Client() => TestServer.ClientOf(Origin, Port);

    /// <summary>Starts it and answers how long it took until the database was there.</summary>
    public async Task<TimeSpan> StartAsync()
    {
        if (!_settings.ContainsKey("Database__Provider"))
            await MigratedFile.CopyToAsync(_settings["Data__Folder"]);
        var watch = Stopwatch.StartNew();
        _program = RunningProgram.Start(Version, ["--environment", "Development"], _settings, _under);
        using var client = Client();
        client.Timeout = TimeSpan.FromSeconds(5);
        while (await StatusAsync(client, "/health/ready") != 200)
        {
            Assert.True(!_program.HasEnded && watch.Elapsed < TimeSpan.FromMinutes(2), $"It is not ready after {watch.Elapsed}:\n{Output}");
            await Task.Delay(20);
        }

        return watch.Elapsed;
    }

    /// <summary>Runs one command of the server's program, such as <c>migrate</c>, on the same database; none: the server, which is not waited for.</summary>
    public RunningProgram Run(params string[] command) => RunningProgram.Start(Version, ["--environment", "Development", .. command], _settings, _under);

    /// <summary>As an operator, or systemd, does: it ends what it has begun.</summary>
    public async Task StopAsync()
    {
        await _program!.SignalAsync("TERM");
        Assert.True(await _program.ExitAsync() == 0, Output);
        await KillAsync();
    }

    /// <summary>As power loss would: no handler of the process runs.</summary>
    public async Task KillAsync()
    {
        if (_program is not null)
            await _program.DisposeAsync();
        _program = null;
    }

    /// <summary>The process stands still until <see cref="ThawAsync"/>.</summary>
    public async Task FreezeAsync()
    {
        await _program!.SignalAsync("STOP");
        // A signal is only sent: a thread that is in the middle of writing to the disk ends that first.
        while (Directory.GetDirectories($"/proc/{_program.Id}/task").Any(thread => File.ReadAllText(Path.Combine(thread, "stat")) is var stat && stat[stat.LastIndexOf(')') + 2] != 'T'))
            await Task.Delay(1);
    }

    public Task ThawAsync() => _program!.SignalAsync("CONT");

    public int Id => _program!.Id;

    public ValueTask DisposeAsync() => new(KillAsync());

    /// <summary>The status of a GET; 0: no answer.</summary>
    public static async Task<int> StatusAsync(HttpClient client, string path, string? bearer = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Authorization = bearer is null ? null : new AuthenticationHeaderValue("Bearer", bearer);
        try
        {
            using var answer = await client.SendAsync(request);
            return (int)answer.StatusCode;
        }
        catch (Exception exception) when (exception is HttpRequestException or TaskCanceledException)
        {
            return 0;
        }
    }

    public static async Task<Answer> SendAsync(HttpClient client, HttpMethod method, string path, string bearer, object? body = null)
    {
        using var request = new HttpRequestMessage(method, path) { Content = body is null ? null : JsonContent.Create(body) };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", bearer);
        return await Answer.FromAsync(await client.SendAsync(request));
    }

    /// <summary>A device login of the first owner that may do everything.</summary>
    public async Task<string> LogInAsync()
    {
        using var client = Client();
        async Task<Answer> PostAsync(string path, params (string, string)[] fields) =>
            await Answer.FromAsync(await client.PostAsync(path, new FormUrlEncodedContent(fields.Select(field => KeyValuePair.Create(field.Item1, field.Item2)))));
        var started = await PostAsync("/connect/device", ("client_id", TestServer.Cli), ("scope", TestServer.ManageScopes), ("lifetime_hours", 24.ToString(CultureInfo.InvariantCulture)));
        Assert.True(started.Status == 200, started.ToString());
        using var browser = await new Browser(Origin, [Client()]).SignInAsync();
        await TestServer.ApproveAsync(browser, new DeviceLogin(started.Text("device_code"), started.Text("user_code"), started));
        return (await PostAsync("/connect/token", ("grant_type", TestServer.DeviceGrantType), ("client_id", TestServer.Cli), ("device_code", started.Text("device_code")))).Text("access_token");
    }
}
