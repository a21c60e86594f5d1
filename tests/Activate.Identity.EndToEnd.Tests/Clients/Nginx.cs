using System.Diagnostics;
using System.Net;
using Activate.Identity.Testing;

namespace Activate.Identity.EndToEnd.Tests.Clients;

/// <summary>The machine's nginx with the settings of docs/integrations/nginx.md, and a program behind it that tells what it was sent.</summary>
internal sealed class Nginx : IAsyncDisposable
{
    private readonly Listener _behind;
    private readonly NginxProcess _nginx;

    private Nginx(Uri origin, Listener behind, NginxProcess nginx) => (Origin, _behind, _nginx) = (origin, behind, nginx);

    public Uri Origin { get; }

    public static async Task<Nginx> StartAsync(Uri server)
    {
        var (port, behind) = (RunningProgram.FreePort(), RunningProgram.FreePort());
        var origin = new Uri($"http://127.0.0.1:{port}");
        var listener = new Listener($"http://127.0.0.1:{behind}/", TellAsync);
        var documented = Repository.CodeBlock("integrations/nginx.md", "Nothing has to be registered");
        var nginx = await NginxProcess.StartAsync(origin, $"server {{\nlisten 127.0.0.1:{port};\n{documented}\n}}",
            ("https://id.example.org/", $"http://127.0.0.1:{server.Port}/"), ("Host id.example.org", $"Host {server.Authority}"), ("http://127.0.0.1:9000", $"http://127.0.0.1:{behind}"));
        return new Nginx(origin, listener, nginx);
    }

    /// <summary>A request through nginx; the answer's body is what the program behind was sent, as text.</summary>
    public async Task<Answer> SendAsync(string path, string? authorization = null, string? remoteUser = null, HttpMethod? method = null)
    {
        using var client = new HttpClient { BaseAddress = Origin };
        using var request = new HttpRequestMessage(method ?? HttpMethod.Get, path) { Content = method == HttpMethod.Post ? new StringContent("a body") : null };
        if (authorization is not null)
            request.Headers.TryAddWithoutValidation("Authorization", authorization);
        if (remoteUser is not null)
            request.Headers.Add("X-Remote-User", remoteUser);
        return await Answer.FromAsync(await client.SendAsync(request));
    }

    public async ValueTask DisposeAsync()
    {
        await _nginx.DisposeAsync();
        await _behind.DisposeAsync();
    }

    private static async Task<string> TellAsync(HttpListenerContext context)
    {
        using var reader = new StreamReader(context.Request.InputStream);
        var headers = context.Request.Headers;
        return $"{headers["X-Remote-User"]} of {headers["X-Remote-Organization"]}, {headers["Authorization"] ?? "no key"}, {await reader.ReadToEndAsync()}";
    }
}

internal static class Waiting
{
    /// <summary>Until something answers there, whatever it says; <paramref name="ended"/> tells when it never will.</summary>
    public static async Task ForAnswerAsync(Uri address, Func<string?> ended)
    {
        using var client = new HttpClient(new HttpClientHandler { AllowAutoRedirect = false });
        var waited = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                using var answer = await client.GetAsync(address);
                return;
            }
            catch (HttpRequestException failure)
            {
                Assert.True(ended() is null, ended());
                Assert.True(waited.Elapsed < TimeSpan.FromSeconds(60), $"Nothing answers at {address}: {failure.Message}");
                await Task.Delay(50);
            }
        }
    }
}
