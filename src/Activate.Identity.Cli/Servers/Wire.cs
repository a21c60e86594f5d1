using System.Net;
using System.Net.Http.Headers;
using System.Reflection;

namespace Activate.Identity.Cli.Servers;

/// <summary>An answer, read to its end.</summary>
internal sealed record Answer(HttpStatusCode Status, string? MediaType, byte[] Body, TimeSpan? RetryAfter, DateTimeOffset? CredentialExpires, string? ETag = null)
{
    public bool Succeeded => (int)Status is >= 200 and < 300;
}

/// <summary>HTTP to one server: no redirects, no cookies, bounded answers, and no proxy between us and this machine.</summary>
internal sealed class Wire(Uri server, TimeProvider time) : IDisposable
{
    private const int MaximumAnswer = 64 << 20;

    private readonly HttpClient _http = Make(server);

    public Uri Server { get; } = server;

    public async Task<Answer> SendAsync(HttpRequestMessage request, CancellationToken cancellation)
    {
        // A path can hold surprises ("//elsewhere/"): what counts is where the request would really go.
        if (request.RequestUri is not { } target || !ServerAddress.Same(target, Server))
            throw Failure.Usage("That address is on another server, so nothing was sent.");
        using var response = await _http.SendAsync(request, cancellation);
        RefuseRedirect(response);
        return await ReadAsync(response, cancellation);
    }

    /// <summary>An answer whose head alone was read.</summary>
    public async Task<HttpResponseMessage> OpenAsync(HttpRequestMessage request, CancellationToken cancellation)
    {
        var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation);
        RefuseRedirect(response);
        return response;
    }

    /// <summary>The rest of an answer that was opened.</summary>
    public async Task<Answer> ReadAsync(HttpResponseMessage response, CancellationToken cancellation) => new(
        response.StatusCode, response.Content.Headers.ContentType?.MediaType, await response.Content.ReadAsByteArrayAsync(cancellation), RetryAfter(response), Expires(response),
        response.Headers.ETag?.ToString());

    /// <summary>An answer of any length, handed on as it comes; null. A refusal is read to its end.</summary>
    public async Task<Answer?> DownloadAsync(HttpRequestMessage request, Func<Stream, Task> take, CancellationToken cancellation)
    {
        using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation);
        if (!response.IsSuccessStatusCode)
            return await ReadAsync(response, cancellation);
        await using var body = await response.Content.ReadAsStreamAsync(cancellation);
        await take(body);
        return null;
    }

    /// <summary>A request of this server under a bearer.</summary>
    public HttpRequestMessage Request(HttpMethod method, string path, string bearer, string? accept = null)
    {
        var request = new HttpRequestMessage(method, At(path)) { Headers = { Authorization = new AuthenticationHeaderValue("Bearer", bearer) } };
        if (accept is not null)
            request.Headers.Accept.ParseAdd(accept);
        return request;
    }

    public Uri At(string path) => new(ServerAddress.Origin(Server) + path);

    public void Dispose() => _http.Dispose();

    private void RefuseRedirect(HttpResponseMessage response)
    {
        if ((int)response.StatusCode is >= 300 and < 400 and not (int)HttpStatusCode.NotModified)
            throw Failure.Failed($"{ServerAddress.Origin(Server)} answered with a redirect, which actid does not follow. Name the server's own address with --server.");
    }

    private TimeSpan? RetryAfter(HttpResponseMessage response) => response.Headers.RetryAfter switch
    {
        { Delta: { } delta } => delta,
        { Date: { } date } => date > time.GetUtcNow() ? date - time.GetUtcNow() : TimeSpan.Zero,
        _ => null,
    };

    private static DateTimeOffset? Expires(HttpResponseMessage response) =>
        response.Headers.TryGetValues("Activate-Credential-Expires", out var values)
        && DateTimeOffset.TryParse(values.First(), System.Globalization.CultureInfo.InvariantCulture, out var end) ? end : null;

    private static HttpClient Make(Uri server)
    {
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            // With HTTP_PROXY set, a credential for http://localhost would leave the machine in the clear.
            UseProxy = !ServerAddress.IsLoopback(server),
            ConnectTimeout = TimeSpan.FromSeconds(10),
            AutomaticDecompression = DecompressionMethods.All,
        };
        var http = new HttpClient(handler) { Timeout = TimeSpan.FromSeconds(30), MaxResponseContentBufferSize = MaximumAnswer };
        http.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue("actid", Version));
        return http;
    }

    private static string Version => typeof(Wire).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "0";
}
