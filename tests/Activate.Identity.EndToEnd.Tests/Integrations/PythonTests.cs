using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text.Json;
using Activate.Identity.Testing;

namespace Activate.Identity.EndToEnd.Tests.Integrations;

/// <summary>Each program of docs/integrations/python.md, run by the machine's Python as it stands there.</summary>
public sealed class PythonTests(IntegrationsServer fixture) : IClassFixture<IntegrationsServer>, IDisposable
{
    private const string Python = "/usr/bin/python3";
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("activate-python-");
    private readonly List<Process> _running = [];

    [Fact]
    public async Task A_portal_signs_people_in_with_Flask_and_Authlib()
    {
        Require();
        var port = RunningProgram.FreePort();
        var (id, secret) = await fixture.RegisterAsync("web", new { redirectUris = new[] { $"http://127.0.0.1:{port}/callback" }, scopes = new[] { "openid", "profile", "email" } });
        await ServeAsync("portal", port, ("CLIENT_ID", id), ("CLIENT_SECRET", secret), ("COOKIE_SECRET", Guid.NewGuid().ToString("N")));
        using var visitor = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, CookieContainer = new CookieContainer() }) { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
        Assert.Equal("/sign-in", (await visitor.GetAsync("/")).Headers.Location?.OriginalString);
        using var browser = await fixture.Server.SignInAsync();
        var back = await TestServer.AllowAsync(browser, (await visitor.GetAsync("/sign-in")).Headers.Location!.PathAndQuery);
        Assert.Equal(HttpStatusCode.Redirect, (await visitor.GetAsync(back)).StatusCode);
        var user = JsonDocument.Parse(await visitor.GetStringAsync("/")).RootElement;
        Assert.Equal((TestServer.OwnerName, 2), (user.GetProperty("name").GetString(), user.GetProperty("groups").GetArrayLength()));

        // The same answer a second time is nobody's sign-in.
        Assert.NotEqual(HttpStatusCode.Redirect, (await visitor.GetAsync(back)).StatusCode);
    }

    [Fact]
    public async Task An_API_takes_keys_and_tokens_and_programs_call_it()
    {
        Require();
        var port = RunningProgram.FreePort();
        var (id, secret) = await fixture.RegisterAsync("resourceServer", new { resources = new[] { fixture.Platform } });
        await ServeAsync("api", port, ("CLIENT_ID", id), ("CLIENT_SECRET", secret));
        var api = $"http://127.0.0.1:{port}/data";
        var (username, key) = await fixture.AddMemberAsync(null, "platform");
        var (_, without) = await fixture.AddMemberAsync(null, "credentials:read");
        using var client = new HttpClient();
        foreach (var (credential, status) in new[] { (key.Key, 200), (await fixture.Server.LoginWithDeviceAsync(scope: "platform"), 200), (without.Key, 401), ("x", 401), ("", 401) })
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, api);
            request.Headers.Authorization = credential.Length == 0 ? null : new AuthenticationHeaderValue("Bearer", credential);
            var answer = await client.SendAsync(request);
            Assert.Equal((status, status == 401), ((int)answer.StatusCode, answer.Headers.WwwAuthenticate.Any(challenge => challenge.Scheme == "Bearer")));
        }

        Assert.Equal((0, username), await CallerAsync("job", "", ("API", api), ("API_KEY", key.Key)));
        var service = await fixture.RegisterAsync("service", new { scopes = new[] { "platform" } });
        Assert.Equal((0, service.Id), await CallerAsync("nightly", "", ("API", api), ("CLIENT_ID", service.Id), ("CLIENT_SECRET", service.Secret)));
        Assert.NotEqual(0, (await CallerAsync("job", "", ("API", api), ("API_KEY", without.Key))).Code);
    }

    [Fact]
    public async Task An_access_token_is_verified_offline_for_its_audience_and_nothing_else_is()
    {
        Require();
        var token = await fixture.Server.LoginWithDeviceAsync(scope: "openid platform");
        var (code, output) = await RunAsync("verify", token, ("AUDIENCE", fixture.Platform));
        Assert.True(code == 0, output);
        Assert.Equal(fixture.Server.Origin.ToString(), JsonDocument.Parse(output).RootElement.GetProperty("iss").GetString());
        (code, output) = await RunAsync("verify", token, ("AUDIENCE", "https://other.example.org"));
        Assert.Equal((1, true), (code, output.Contains("InvalidAudienceError", StringComparison.Ordinal)));
        (code, output) = await RunAsync("verify", token[..^10] + "AAAAAAAAAA", ("AUDIENCE", fixture.Platform));
        Assert.Equal((1, true), (code, output.Contains("InvalidSignatureError", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Somebody_signs_in_on_a_terminal()
    {
        Require();
        var (id, _) = await fixture.RegisterAsync("native", new { scopes = new[] { "openid", "profile", "platform" }, grants = new[] { "device_code" } });
        var login = Start("login", ("CLIENT_ID", id));
        login.StandardInput.Close();
        var line = await login.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(60));
        Assert.True(line is not null, line is null ? await login.StandardError.ReadToEndAsync() : "");
        Assert.Contains("and enter", line, StringComparison.Ordinal);
        using var browser = await fixture.Server.SignInAsync();
        await TestServer.ApproveAsync(browser, new DeviceLogin("", line!.Split(' ')[^1], null!));
        Assert.Equal($"Signed in as {TestServer.OwnerName}", (await login.StandardOutput.ReadToEndAsync().WaitAsync(TimeSpan.FromSeconds(60))).Trim());
    }

    public void Dispose()
    {
        foreach (var process in _running)
        {
            if (!process.HasExited)
                process.Kill(entireProcessTree: true);
            process.WaitForExit();
            process.Dispose();
        }

        _folder.Delete(recursive: true);
    }

    private static void Require()
    {
        Tools.Require("Python", Python);
        foreach (var library in new[] { "authlib", "flask", "jwt", "requests" })
            Tools.Require($"Python's {library}", $"/usr/lib/python3/dist-packages/{library}/__init__.py");
    }

    private async Task<(int Code, string Caller)> CallerAsync(string program, string input, params (string Name, string Value)[] environment)
    {
        var (code, output) = await RunAsync(program, input, environment);
        return (code, code == 0 ? JsonDocument.Parse(output).RootElement.GetProperty("caller").GetString()! : output);
    }

    private async Task<(int Code, string Output)> RunAsync(string program, string input, params (string Name, string Value)[] environment)
    {
        var process = Start(program, environment);
        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(120));
        return (process.ExitCode, await output + await error);
    }

    private async Task ServeAsync(string program, int port, params (string Name, string Value)[] environment)
    {
        var process = Start(program, [.. environment, ("PORT", port.ToString(CultureInfo.InvariantCulture))]);
        var errors = process.StandardError.ReadToEndAsync();
        _ = process.StandardOutput.ReadToEndAsync();
        for (var patience = Stopwatch.StartNew(); ; await Task.Delay(50))
        {
            try
            {
                using var socket = new TcpClient();
                await socket.ConnectAsync(IPAddress.Loopback, port);
                return;
            }
            catch (SocketException)
            {
                Assert.False(process.HasExited || patience.Elapsed > TimeSpan.FromSeconds(60), $"{program}.py does not answer. {(process.HasExited ? await errors : "")}");
            }
        }
    }

    private Process Start(string program, params (string Name, string Value)[] environment)
    {
        var file = Path.Combine(_folder.FullName, $"{program}.py");
        File.WriteAllText(file, Documented(program));
        var start = new ProcessStartInfo(Python, ["-B", file]) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in environment.Append(("ISSUER", fixture.Server.Origin.ToString())))
            start.Environment[name] = value;
        var process = Process.Start(start) ?? throw new InvalidOperationException("Cannot start Python.");
        _running.Add(process);
        return process;
    }

    /// <summary>The block that begins with the program's name.</summary>
    private static string Documented(string program)
    {
        var text = File.ReadAllText(Path.Combine(Repository.Root, "docs", "integrations", "python.md")).ReplaceLineEndings("\n");
        var start = text.IndexOf($"\n# {program}.py", StringComparison.Ordinal) + 1;
        Assert.True(start > 0, $"{program}.py does not stand in python.md.");
        return text[start..text.IndexOf("\n```", start, StringComparison.Ordinal)] + "\n";
    }
}
