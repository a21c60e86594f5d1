using System.Diagnostics;
using System.Text;
using Activate.Identity.Cli.Contexts;
using Activate.Identity.Cli.Output;

namespace Activate.Identity.Cli.Tests.Harness;

internal sealed record Outcome(int Code, string Out, string Error);

/// <summary>A user's terminal: a private configuration directory, an environment, and the real program run in it.</summary>
internal sealed class Terminal : IDisposable
{
    public Terminal() => Variables["ACTID_CONFIG_DIR"] = Folder;

    public string Folder { get; } = Path.Combine(Path.GetTempPath(), $"actid-{Guid.NewGuid():N}");
    public Dictionary<string, string?> Variables { get; } = [];
    public Clock Clock { get; } = new();
    public List<Uri> Opened { get; } = [];

    /// <summary>What was to be run beside, and is not.</summary>
    public List<IReadOnlyList<string>> Detached { get; } = [];

    /// <summary>The clock the program sees, when it is to be another than <see cref="Clock"/>.</summary>
    public TimeProvider? Time { get; init; }

    /// <summary>What the person does with a page that opens.</summary>
    public Action<Uri>? OnOpen { get; set; }

    public bool IsTerminal { get; init; }
    public string Input { get; set; } = "";
    public string Hidden { get; set; } = "";

    public ContextFolder Contexts => new(Around(new MemoryStream(), TextWriter.Null));

    public static string Program => Path.Combine(AppContext.BaseDirectory, OperatingSystem.IsWindows() ? "actid.exe" : "actid");

    public async Task<Outcome> RunAsync(params string[] args)
    {
        var output = new MemoryStream();
        var error = new StringWriter();
        var code = await new Actid(Around(output, error)).RunAsync(args);
        return new Outcome(code, Encoding.UTF8.GetString(output.ToArray()), error.ToString());
    }

    /// <summary>What a camera would be shown here.</summary>
    public string? Picture(Uri page, int width = 80) => QrPicture.Of(page, Around(new MemoryStream(), TextWriter.Null), width);

    /// <summary>Signed in at a server, with a device login unless another kind is given.</summary>
    public void SignIn(FakeServer server, string kind = StoredContext.Session, string? credential = null, string? name = null, DateTimeOffset? expires = null)
    {
        Contexts.Write(name ?? server.ContextName, new StoredContext
        {
            Server = server.Url,
            Kind = kind,
            Credential = credential ?? (kind == StoredContext.ApiKey ? server.ApiKey : FakeServer.Jwt(server.Origin)),
            CredentialId = "0199aaaa-0000-7000-8000-000000000003",
            Username = "ada",
            Scopes = ["openid", "platform"],
            ExpiresAt = expires ?? Clock.Start.AddHours(3),
        });
        Contexts.Current = name ?? server.ContextName;
    }

    /// <summary>The program as a process of its own.</summary>
    public Process Start(params string[] args)
    {
        // Whoever runs the tests in the background lets them inherit that SIGINT is ignored.
        string[] line = OperatingSystem.IsLinux() ? ["env", "--default-signal=INT", Program, .. args] : [Program, .. args];
        var start = new ProcessStartInfo(line[0], line[1..]) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        foreach (var name in start.Environment.Keys.Where(name => name.StartsWith("ACTID_", StringComparison.Ordinal)).ToList())
            start.Environment.Remove(name);
        foreach (var (name, value) in Variables)
            start.Environment[name] = value;
        return Process.Start(start)!;
    }

    public void Dispose()
    {
        if (Directory.Exists(Folder))
            Directory.Delete(Folder, recursive: true);
    }

    private Surroundings Around(MemoryStream output, TextWriter error) => new()
    {
        In = new StringReader(Input),
        Out = new StreamWriter(output, new UTF8Encoding(false)) { AutoFlush = true },
        Error = error,
        OutBytes = output,
        InIsTerminal = IsTerminal,
        OutIsTerminal = IsTerminal,
        ErrorIsTerminal = IsTerminal,
        Time = Time ?? Clock,
        HostName = "login-node-07",
        Variable = name => Variables.GetValueOrDefault(name),
        ReadHidden = () => Hidden,
        Detach = Detached.Add,
        OpenBrowser = page =>
        {
            Opened.Add(page);
            OnOpen?.Invoke(page);
            return true;
        },
    };
}
