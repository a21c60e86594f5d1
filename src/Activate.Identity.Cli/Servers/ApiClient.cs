using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Activate.Identity.Cli.Servers;

/// <summary>The REST API with one credential. Every refusal of the server ends the command with the server's words.</summary>
internal sealed class ApiClient(Uri server, string secret, Surroundings around, Action<DateTimeOffset>? onEnding = null) : IDisposable
{
    public const string Root = "/api/v1";

    private static readonly TimeSpan s_longestWait = TimeSpan.FromSeconds(10);
    private const int Retries = 2;

    private readonly Wire _wire = new(server, around.Time);
    private bool _warned;

    public Uri Server { get; } = server;

    public Uri At(string path) => _wire.At(path);

    /// <summary>Sends a request and returns whatever comes. A GET that is told to wait a few seconds waits, twice at most.</summary>
    public async Task<Answer> SendAsync(HttpMethod method, Uri target, ReadOnlyMemory<byte>? json, CancellationToken cancellation, string? ifMatch = null)
    {
        for (var attempt = 0; ; attempt++)
        {
            using var request = new HttpRequestMessage(method, target);
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", secret);
            request.Headers.Accept.ParseAdd("application/json, */*;q=0.5");
            if (ifMatch is not null && !request.Headers.TryAddWithoutValidation("If-Match", ifMatch))
                throw Failure.Usage("That is no ETag: write it as the server did, with its quotes.");
            if (json is { } body)
                request.Content = new ReadOnlyMemoryContent(body) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
            var answer = await _wire.SendAsync(request, cancellation);
            if (answer.CredentialExpires is { } end && !_warned)
            {
                _warned = true;
                onEnding?.Invoke(end);
            }

            if (method == HttpMethod.Get && attempt < Retries && answer.Status is HttpStatusCode.TooManyRequests or HttpStatusCode.ServiceUnavailable
                && answer.RetryAfter is { } wait && wait <= s_longestWait)
            {
                await Task.Delay(wait, around.Time, cancellation);
                continue;
            }

            return answer;
        }
    }

    public async Task<Answer> DoAsync(HttpMethod method, string path, Action<Utf8JsonWriter>? write, CancellationToken cancellation, string? ifMatch = null)
    {
        ReadOnlyMemory<byte>? body = null;
        if (write is not null)
        {
            using var buffer = new MemoryStream();
            using (var writer = new Utf8JsonWriter(buffer))
            {
                writer.WriteStartObject();
                write(writer);
                writer.WriteEndObject();
            }

            body = buffer.ToArray();
        }

        var answer = await SendAsync(method, At(Root + path), body, cancellation, ifMatch);
        return answer.Succeeded ? answer : throw Refusal.Of(answer, Server);
    }

    public async Task<T> GetAsync<T>(string path, JsonTypeInfo<T> type, CancellationToken cancellation) where T : class =>
        Understand((await DoAsync(HttpMethod.Get, path, null, cancellation)).Body, type);

    /// <summary>Every item of a list, page by page; each as the server wrote it, so that <c>-o json</c> loses no member.</summary>
    public async Task<List<JsonElement>> ListAsync(string path, CancellationToken cancellation)
    {
        var items = new List<JsonElement>();
        string? after = null;
        do
        {
            var query = $"{(path.Contains('?', StringComparison.Ordinal) ? '&' : '?')}limit=200{(after is null ? "" : $"&after={Uri.EscapeDataString(after)}")}";
            var page = await GetAsync(path + query, ApiJson.Default.Page, cancellation);
            items.AddRange(page.Items);
            if (page.Next is not null && page.Next == after)
                throw Failure.Failed("The server's list does not end.");
            after = page.Next;
        }
        while (after is not null);
        return items;
    }

    /// <summary>Writes what the server has to stdout as it comes, however much that is.</summary>
    public async Task DownloadAsync(string path, string mediaType, Call call, CancellationToken cancellation)
    {
        using var request = _wire.Request(HttpMethod.Get, Root + path, secret, mediaType);
        var refused = await _wire.DownloadAsync(request, async body =>
        {
            if (!around.OutIsTerminal)
            {
                await body.CopyToAsync(around.OutBytes, cancellation);
                await around.OutBytes.FlushAsync(cancellation);
                return;
            }

            using var lines = new StreamReader(body);
            while (await lines.ReadLineAsync(cancellation) is { } line)
                call.Show(line);
        }, cancellation);
        if (refused is not null)
            throw Refusal.Of(refused, Server);
    }

    public T Understand<T>(ReadOnlySpan<byte> body, JsonTypeInfo<T> type) where T : class => Output.JsonText.Read(body, type)
        ?? throw Failure.Failed($"{ServerAddress.Origin(Server)} answered with something else than expected. Is it an Activate.Identity server?");

    public void Dispose() => _wire.Dispose();
}
