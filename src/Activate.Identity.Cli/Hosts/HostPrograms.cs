using System.Diagnostics;

namespace Activate.Identity.Cli.Hosts;

/// <summary>What a program of the host answered.</summary>
/// <param name="Code">Its exit code; null: there is no such program.</param>
/// <param name="Output">stdout.</param>
/// <param name="Error">stderr.</param>
internal sealed record Ran(int? Code, string Output, string Error)
{
    public bool Succeeded => Code == 0;

    public string Last => (Error.Length > 0 ? Error : Output).Trim().Split('\n')[^1];
}

/// <summary>Programs of the host, with argument lists and never through a shell.</summary>
internal static class HostPrograms
{
    private static readonly string[] s_folders = ["/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin"];

    public static Ran Run(string program, params string[] arguments)
    {
        // Not by PATH: root runs this.
        if (Find(program) is not { } path)
            return new Ran(null, "", $"There is no {program} on this host.");
        using var process = Process.Start(new ProcessStartInfo(path, arguments)
        {
            UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, Environment = { ["LC_ALL"] = "C" },
        })!;
        process.StandardInput.Close();
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return new Ran(process.ExitCode, output, error.GetAwaiter().GetResult());
    }

    public static string? Find(string program) =>
        Path.IsPathRooted(program) ? File.Exists(program) ? program : null : s_folders.Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists);
}
