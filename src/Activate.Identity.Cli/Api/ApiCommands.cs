using System.CommandLine;
using System.Text;
using System.Text.Json;
using Activate.Identity.Cli.Output;
using Activate.Identity.Cli.Servers;

namespace Activate.Identity.Cli.Api;

/// <summary><c>actid api METHOD PATH</c>: whatever has no command of its own.</summary>
internal static class ApiCommands
{
    private static readonly string[] s_methods = ["GET", "POST", "PUT", "PATCH", "DELETE"];

    /// <summary>What the server has outside its API; everything else is a path under <c>/api/v1</c>.</summary>
    private static readonly string[] s_outside = ["/api/", "/connect/", "/.well-known/", "/openapi/", "/health/"];

    public static Command Create(Actid actid)
    {
        var method = new Argument<string>("METHOD") { Description = "GET, POST, PUT, PATCH or DELETE" };
        method.CompletionSources.Add(s_methods);
        var path = new Argument<string>("PATH") { Description = "/api/v1/me, or /me for short; /connect/, /.well-known/, /openapi/ and /health/ are taken as they are" };
        var data = new Option<string?>("--data", "-d") { Description = "The JSON to send; @FILE reads it from a file, - from stdin", HelpName = "JSON" };
        var ifMatch = new Option<string?>("--if-match") { Description = "Only if what is changed still has this ETag, which a GET says on stderr", HelpName = "ETAG" };
        return actid.Command("api",
            "Call the REST API with the current sign-in\nThe answer goes to stdout as it came (indented on a terminal); a refusal goes to stderr, and the exit code says which kind.",
            ["actid api GET /me", "actid api GET '/api-keys?limit=5'", "actid api PATCH /organization --data '{\"name\":\"Hydrology Lab\"}'", "actid api POST /api-keys --data @key.json"],
            [method, path, data, ifMatch],
            (call, cancellation) => RunAsync(call, call.Get(method), call.Get(path), call.Get(data), call.Get(ifMatch), cancellation));
    }

    private static async Task<int> RunAsync(Call call, string method, string path, string? data, string? ifMatch, CancellationToken cancellation)
    {
        if (s_methods.FirstOrDefault(known => known.Equals(method, StringComparison.OrdinalIgnoreCase)) is not { } verb)
            throw Failure.Usage($"'{method}' is no method that the API has: {string.Join(", ", s_methods)}.");
        if (data is not null && verb == "GET")
            throw Failure.Usage("A GET sends no data: leave out --data, or use POST, PUT or PATCH.");
        using var api = call.Connect();
        var target = Target(api, path);
        var body = data is null ? null : await BodyAsync(call, data, cancellation);

        var answer = await api.SendAsync(new HttpMethod(verb), target, body is null ? null : new ReadOnlyMemory<byte>(body), cancellation, ifMatch);
        if (!answer.Succeeded)
            throw Refusal.Of(answer, api.Server);
        if (answer.ETag is { } etag)
            call.Say($"ETag: {etag}");
        if (answer.Body.Length == 0)
            return ExitCodes.Done;
        if (!call.Around.OutIsTerminal)
        {
            await call.Around.OutBytes.WriteAsync(answer.Body, cancellation);
            await call.Around.OutBytes.FlushAsync(cancellation);
        }
        else if (answer.MediaType?.EndsWith("json", StringComparison.OrdinalIgnoreCase) == true && IsJson(answer.Body))
        {
            call.Show(JsonText.Indent(answer.Body));
        }
        else
        {
            call.Show(Encoding.UTF8.GetString(answer.Body));
        }

        return ExitCodes.Done;
    }

    private static Uri Target(ApiClient api, string path)
    {
        if (path.Contains("://", StringComparison.Ordinal) && path[0] != '/')
        {
            return Uri.TryCreate(path, UriKind.Absolute, out var absolute) && absolute.Scheme is "https" or "http" && absolute.UserInfo.Length == 0
                && ServerAddress.Same(absolute, api.Server)
                ? absolute
                : throw Failure.Usage($"'{path}' is on another server than {ServerAddress.Origin(api.Server)}, so nothing was sent.");
        }

        if (path.Length == 0 || path.StartsWith("//", StringComparison.Ordinal) || path.Any(c => c is <= ' ' or '\\' or '#' or >= '\x7f'))
            throw Failure.Usage($"'{path}' is no path. Write it as /me or /api/v1/me, with other characters percent-encoded.");
        var rooted = path[0] == '/' ? path : $"/{path}";
        return api.At(s_outside.Any(prefix => rooted.StartsWith(prefix, StringComparison.Ordinal)) ? rooted : ApiClient.Root + rooted);
    }

    private static async Task<byte[]> BodyAsync(Call call, string data, CancellationToken cancellation)
    {
        var body = data switch
        {
            "-" => Encoding.UTF8.GetBytes(await call.Around.In.ReadToEndAsync(cancellation)),
            ['@', .. { Length: > 0 } file] => await ReadAsync(file, cancellation),
            _ => Encoding.UTF8.GetBytes(data),
        };
        return IsJson(body) ? body : throw Failure.Usage("What --data names is not JSON, so nothing was sent.");
    }

    private static async Task<byte[]> ReadAsync(string file, CancellationToken cancellation)
    {
        try
        {
            return await File.ReadAllBytesAsync(file, cancellation);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            throw Failure.Usage($"--data: {problem.Message}");
        }
    }

    private static bool IsJson(byte[] text)
    {
        try
        {
            using var document = JsonDocument.Parse(text);
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
