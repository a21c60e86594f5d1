using Activate.Identity.EndToEnd.Tests.Clients;

namespace Activate.Identity.EndToEnd.Tests.Operations;

/// <summary>The machine's nginx with deploy/nginx.conf, but for addresses and TLS, before two nodes.</summary>
internal static class BalancedNodes
{
    public static Task<NginxProcess> StartAsync(int port, int nodeA, int nodeB) => NginxProcess.StartAsync(new Uri($"http://127.0.0.1:{port}"), File.ReadAllText(Path.Combine(Repository.Root, "deploy", "nginx.conf")),
        ("10.0.0.11:5080", $"127.0.0.1:{nodeA}"), ("10.0.0.12:5080", $"127.0.0.1:{nodeB}"), ("listen 443 ssl http2;", $"listen 127.0.0.1:{port};"), ("listen 80;", $"listen 127.0.0.1:{RunningProgram.FreePort()};"),
        ("proxy_set_header Host $host;", $"proxy_set_header Host 127.0.0.1:{port};"), ("proxy_set_header X-Forwarded-Proto https;", ""),
        ("    ssl_certificate     /etc/ssl/id.example.org/fullchain.pem;\n", ""), ("    ssl_certificate_key /etc/ssl/id.example.org/key.pem;\n", ""));
}
