using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;
using Activate.Identity.Testing;

namespace Activate.Identity.EndToEnd.Tests.Clients;

/// <summary>
/// A client program in this folder, run by Node with the libraries of package-lock.json. The Node is the one that Playwright brings: the libraries want a newer one than
/// Debian 12 has.
/// </summary>
internal static class NodeProgram
{
    public static string Folder { get; } = Path.Combine(Repository.Root, "tests", "Activate.Identity.EndToEnd.Tests", "Clients");

    public static string Modules { get; } = Path.Combine(Folder, "node_modules");

    public static string Node { get; } = Path.Combine(AppContext.BaseDirectory, ".playwright", "node",
        $"{(OperatingSystem.IsWindows() ? "win32" : OperatingSystem.IsMacOS() ? "darwin" : "linux")}-{(RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? "arm64" : "x64")}",
        OperatingSystem.IsWindows() ? "node.exe" : "node");

    /// <summary>Skips the test where the libraries are missing.</summary>
    public static void Require()
    {
        Tools.Require("Playwright's Node", Node);
        if (!File.Exists(Path.Combine(Modules, ".package-lock.json")))
            Tools.Missing("The Node libraries are not installed (npm ci in tests/Activate.Identity.EndToEnd.Tests/Clients).");
    }

    public static ProcessStartInfo StartInfo(string script) => new(Node)
    {
        ArgumentList = { script }, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = Folder,
    };

    /// <summary>Runs a program to its verdict.</summary>
    /// <param name="script">A file of this folder.</param>
    /// <param name="settings">What it is told at first, in a line of JSON.</param>
    /// <param name="play">What a person does when it asks for one: what, with which value, and the answer.</param>
    public static async Task<JsonElement> RunAsync(string script, object settings, Func<string, JsonElement, Task<object?>> play)
    {
        Require();
        using var process = Process.Start(StartInfo(Path.Combine(Folder, script))) ?? throw new InvalidOperationException("Cannot start node.");
        try
        {
            var errors = process.StandardError.ReadToEndAsync();
            await process.StandardInput.WriteLineAsync(JsonSerializer.Serialize(settings, JsonSerializerOptions.Web));
            while (await process.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(120)) is { } line)
            {
                var said = JsonDocument.Parse(line).RootElement;
                if (said.TryGetProperty("done", out var verdict))
                    return verdict;
                Assert.False(said.TryGetProperty("failed", out var failure), failure.ToString());
                await process.StandardInput.WriteLineAsync(JsonSerializer.Serialize(await play(said.GetProperty("ask").GetString()!, said.GetProperty("value"))));
            }

            Assert.Fail($"{script} ended without a verdict: {await errors}");
            return default;
        }
        finally
        {
            if (!process.HasExited)
                process.Kill(entireProcessTree: true);
        }
    }
}
