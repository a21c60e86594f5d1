using System.CommandLine;
using Activate.Identity.Cli.Contexts;
using Activate.Identity.Cli.Output;
using Activate.Identity.Cli.Servers;
using Activate.Identity.Core.Leaks;

namespace Activate.Identity.Cli.Leaks;

/// <summary><c>actid leak check FILE|-</c>: finds secrets of Activate.Identity in a text, on this machine; with <c>--report</c> their server ends them.</summary>
internal static class LeakCommands
{
    private const int Piece = 64 * 1024;
    private const int MostAtOnce = 100;

    public static Command Create(Actid actid) => actid.Group("leak", "Secrets that stand where they do not belong",
        ["actid leak check build.log", "git log -p | actid leak check -", "actid leak check build.log --report"], Check(actid));

    private static Command Check(Actid actid)
    {
        var file = new Argument<string>("FILE") { Description = "The text to look through; - for stdin" };
        var report = new Option<bool>("--report") { Description = "Send those of the server to it, which ends them; needs no sign-in" };
        return actid.Command("check",
            "Find API keys, refresh tokens and client secrets in a text\nNothing leaves this machine without --report. Of each secret the line, kind and last four characters are shown. Exit code 1 when there are any, 0 when there are none.",
            ["actid leak check build.log", "git log -p | actid leak check - -o json", "actid leak check build.log --report --server https://id.example.org"],
            [file, report],
            async (call, cancellation) =>
            {
                var found = await ScanAsync(call, call.Get(file), cancellation);
                Show(call, found);
                if (call.Get(report) && found.Count > 0)
                    await ReportAsync(call, found, cancellation);
                return found.Count > 0 ? ExitCodes.Failed : ExitCodes.Done;
            });
    }

    private static async Task<List<FoundSecret>> ScanAsync(Call call, string file, CancellationToken cancellation)
    {
        if (file == "-")
            return await ScanAsync(call.Around.In, cancellation);
        try
        {
            using var reader = File.OpenText(file);
            return await ScanAsync(reader, cancellation);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            throw Failure.Usage(problem.Message);
        }
    }

    /// <summary>A piece at a time: a log of gigabytes needs no more memory than a note.</summary>
    private static async Task<List<FoundSecret>> ScanAsync(TextReader reader, CancellationToken cancellation)
    {
        var scan = new SecretScan();
        List<FoundSecret> found = [];
        var buffer = new char[Piece];
        int read;
        while ((read = await reader.ReadBlockAsync(buffer, cancellation)) > 0)
            found.AddRange(scan.Take(new string(buffer, 0, read)));
        found.AddRange(scan.End());
        return found;
    }

    private static void Show(Call call, List<FoundSecret> found)
    {
        if (call.Json)
        {
            call.Show(JsonText.Write(json =>
            {
                json.WriteStartObject();
                json.WriteStartArray("items");
                foreach (var secret in found)
                {
                    json.WriteStartObject();
                    json.WriteNumber("line", secret.Line);
                    json.WriteString("kind", Word(secret.Kind));
                    json.WriteString("last4", secret.Last4);
                    json.WriteString("server", secret.Origin is { } origin ? ServerAddress.Origin(origin) : null);
                    json.WriteEndObject();
                }

                json.WriteEndArray();
                json.WriteEndObject();
            }));
        }
        else if (found.Count == 0)
        {
            call.Say("No secret of Activate.Identity was found.");
        }
        else
        {
            Tables.Write(call.Around, ["LINE", "KIND", "LAST4", "SERVER"], found.Select(secret => (string[])
                [$"{secret.Line}", Word(secret.Kind), secret.Last4, secret.Origin is { } origin ? ServerAddress.Origin(origin) : ""]));
        }
    }

    /// <summary>To one server, which the person named or is signed in to: a text that somebody else wrote must not choose where anything is sent.</summary>
    private static async Task ReportAsync(Call call, List<FoundSecret> found, CancellationToken cancellation)
    {
        var server = Server(call);
        ServerAddress.RequireSecure(server);
        var theirs = found.Where(secret => secret.Kind != SecretKind.ApiKey || (secret.Origin is { } origin && ServerAddress.Same(origin, server))).DistinctBy(secret => secret.Reveal()).ToList();
        using var wire = new Wire(server, call.Around.Time);
        foreach (var chunk in theirs.Chunk(MostAtOnce))
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, wire.At($"{ApiClient.Root}/leaked-credentials"))
            {
                Content = new StringContent(JsonText.Write(json =>
                {
                    json.WriteStartObject();
                    json.WriteStartArray("credentials");
                    foreach (var secret in chunk)
                        json.WriteStringValue(secret.Reveal());
                    json.WriteEndArray();
                    json.WriteEndObject();
                }), System.Text.Encoding.UTF8, "application/json"),
            };
            var answer = await wire.SendAsync(request, cancellation);
            if (!answer.Succeeded)
                throw Refusal.Of(answer, server);
        }

        call.Say($"Reported {theirs.Count} to {ServerAddress.Origin(server)}: those that are genuine end now, and their owners are told. It does not say which.");
        if (found.Where(secret => secret.Kind == SecretKind.ApiKey && !theirs.Exists(reported => reported.Reveal() == secret.Reveal())).Select(secret => secret.Origin).OfType<Uri>()
            .Select(ServerAddress.Origin).Distinct().ToList() is { Count: > 0 } others)
            call.Say($"Not reported, because they belong to another server: name it with --server ({string.Join(", ", others)}).");
    }

    private static Uri Server(Call call) =>
        CredentialInUse.NamedServer(call)
        ?? ((call.ContextOption ?? call.Around.Setting("ACTID_CONTEXT") ?? call.Contexts.Current) is { } name && call.Contexts.Read(name) is { } context ? ServerAddress.Parse(context.Server, "The server of the context") : null)
        ?? throw Failure.Usage("Which server is to be told? Name it with --server. Nothing was sent.");

    private static string Word(SecretKind kind) => kind switch
    {
        SecretKind.ApiKey => "API key",
        SecretKind.RefreshToken => "refresh token",
        SecretKind.ClientSecret => "client secret",
    };
}
