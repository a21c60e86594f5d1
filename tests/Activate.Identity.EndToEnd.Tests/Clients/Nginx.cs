using System.Diagnostics;
using System.Net;
using Activate.Identity.Testing;

namespace Activate.Identity.EndToEnd.Tests.Clients;

/// <summary>The machine's nginx with the settings of docs/integrations/nginx.md, and a program behind it that tells what it was sent.</summary>
internal sealed class Nginx : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("activate-nginx-").FullName;
    private readonly Listener _behind;
    private readonly Process _process;

    private Nginx(string binary, Uri server)
    {
        var (port, behind) = (RunningProgram.FreePort(), RunningProgram.FreePort());
        Origin = new Uri($"http://127.0.0.1:{port}");
        _behind = new Listener($"http://127.0.0.1:{behind}/", TellAsync);
        var settings = Repository.CodeBlock("integrations/nginx.md", "Nothing has to be registered");
        foreach (var (documented, here) in new[]
        {
            ("https://id.example.org/", $"http://127.0.0.1:{server.Port}/"), ("Host id.example.org", $"Host {server.Authority}"), ("http://127.0.0.1:9000", $"http://127.0.0.1:{behind}"),
        })
        {
            Assert.Contains(documented, settings, StringComparison.Ordinal);
            settings = settings.Replace(documented, here, StringComparison.Ordinal);
        }

        File.WriteAllText(Path.Combine(_folder, "nginx.conf"), $$"""
            daemon off;
            master_process off;
            pid {{_folder}}/pid;
            events { }
            http {
                access_log off;
                client_body_temp_path {{_folder}}/body;
                proxy_temp_path {{_folder}}/proxy;
                fastcgi_temp_path {{_folder}}/fastcgi;
                uwsgi_temp_path {{_folder}}/uwsgi;
                scgi_temp_path {{_folder}}/scgi;
                server {
                    listen 127.0.0.1:{{port}};
            {{settings}}
                }
            }
            """);
        _process = Process.Start(new ProcessStartInfo(binary) { ArgumentList = { "-p", _folder, "-c", Path.Combine(_folder, "nginx.conf"), "-e", Path.Combine(_folder, "errors") } })!;
    }

    public Uri Origin { get; }

    public static async Task<Nginx> StartAsync(Uri server)
    {
        var nginx = new Nginx(Tools.Require("nginx", "/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/sbin/nginx"), server);
        var errors = Path.Combine(nginx._folder, "errors");
        await Waiting.ForAnswerAsync(nginx.Origin, () => nginx._process.HasExited ? $"nginx ended: {(File.Exists(errors) ? File.ReadAllText(errors) : "")}" : null);
        return nginx;
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
        _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
        _process.Dispose();
        await _behind.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
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
