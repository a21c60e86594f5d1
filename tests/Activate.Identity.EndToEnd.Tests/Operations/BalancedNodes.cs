using System.Diagnostics;
using Activate.Identity.EndToEnd.Tests.Clients;
using Activate.Identity.Testing;

namespace Activate.Identity.EndToEnd.Tests.Operations;

/// <summary>The machine's nginx with deploy/nginx.conf, but for addresses and TLS, before two nodes.</summary>
internal sealed class BalancedNodes : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("activate-balancer-").FullName;
    private readonly Process _process;

    private BalancedNodes(string binary, int port, int nodeA, int nodeB)
    {
        Origin = new Uri($"http://127.0.0.1:{port}");
        var documented = File.ReadAllText(Path.Combine(Repository.Root, "deploy", "nginx.conf"));
        foreach (var (there, here) in new[]
        {
            ("10.0.0.11:5080", $"127.0.0.1:{nodeA}"), ("10.0.0.12:5080", $"127.0.0.1:{nodeB}"), ("listen 443 ssl http2;", $"listen 127.0.0.1:{port};"), ("listen 80;", $"listen 127.0.0.1:{RunningProgram.FreePort()};"),
            ("proxy_set_header Host $host;", $"proxy_set_header Host 127.0.0.1:{port};"), ("proxy_set_header X-Forwarded-Proto https;", ""),
            ("    ssl_certificate     /etc/ssl/id.example.org/fullchain.pem;\n", ""), ("    ssl_certificate_key /etc/ssl/id.example.org/key.pem;\n", ""),
        })
        {
            Assert.Contains(there, documented, StringComparison.Ordinal);
            documented = documented.Replace(there, here, StringComparison.Ordinal);
        }

        File.WriteAllText(Path.Combine(_folder, "nginx.conf"), $$"""
            daemon off;
            master_process off;
            pid {{_folder}}/pid;
            events { }
            http {
                client_body_temp_path {{_folder}}/body;
                proxy_temp_path {{_folder}}/proxy;
                fastcgi_temp_path {{_folder}}/fastcgi;
                uwsgi_temp_path {{_folder}}/uwsgi;
                scgi_temp_path {{_folder}}/scgi;
            {{documented}}
            }
            """);
        _process = Process.Start(new ProcessStartInfo(binary) { ArgumentList = { "-p", _folder, "-c", Path.Combine(_folder, "nginx.conf"), "-e", Path.Combine(_folder, "errors") } })!;
    }

    public Uri Origin { get; }

    /// <summary>What nginx says of the nodes behind it.</summary>
    public string Errors => File.ReadAllText(Path.Combine(_folder, "errors"));

    public static async Task<BalancedNodes> StartAsync(int port, int nodeA, int nodeB)
    {
        var nginx = new BalancedNodes(Tools.Require("nginx", "/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/sbin/nginx"), port, nodeA, nodeB);
        await Waiting.ForAnswerAsync(nginx.Origin, () => nginx._process.HasExited ? $"nginx ended: {nginx.Errors}" : null);
        return nginx;
    }

    public async ValueTask DisposeAsync()
    {
        _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
        _process.Dispose();
        Directory.Delete(_folder, recursive: true);
    }
}
