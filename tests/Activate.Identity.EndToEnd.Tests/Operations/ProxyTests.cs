using System.Net;
using System.Text.RegularExpressions;
using Activate.Identity.EndToEnd.Tests.Clients;
using Activate.Identity.EndToEnd.Tests.Faults;
using Activate.Identity.Testing;

namespace Activate.Identity.EndToEnd.Tests.Operations;

/// <summary>deploy/nginx.conf as it stands, but for addresses and certificate, before a server, looked at with openssl.</summary>
public sealed class ProxyTests : IDisposable
{
    private const string AnySuite = "ALL:COMPLEMENTOFALL:@SECLEVEL=0";
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("activate-proxy-");

    /// <summary>What the proxy has to refuse: a version, or all suites that are not both forward secret and authenticated encryption.</summary>
    private static readonly string[][] s_weak =
    [
        ["-tls1", "-cipher", AnySuite],
        ["-tls1_1", "-cipher", AnySuite],
        ["-tls1_2", "-cipher", "ALL:COMPLEMENTOFALL:!AESGCM:!CHACHA20:@SECLEVEL=0"],
        ["-tls1_2", "-cipher", "kRSA:@SECLEVEL=0"],
    ];

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact, Trait("Case", "X6")]
    public async Task The_proxy_speaks_TLS_1_2_and_1_3_with_sound_suites_and_tells_no_version()
    {
        var origin = new Uri("https://id.example.org");
        await using var server = new ServerProcess(_folder.CreateSubdirectory("data").FullName, new Dictionary<string, string> { ["Server__TrustedProxies__0"] = "127.0.0.1" }, origin);
        await server.StartAsync();
        var (tls, plain) = (RunningProgram.FreePort(), RunningProgram.FreePort());
        await using (await StartAsync(server.Port, tls, plain))
        {
            foreach (var version in (string[])["-tls1_2", "-tls1_3"])
                Assert.True((await ShakeHandsAsync(tls, version)).Code == 0, version);
            foreach (var weak in s_weak)
                Assert.False((await ShakeHandsAsync(tls, weak)).Code == 0, string.Join(' ', weak));

            var (code, page) = await Commands.TryRunAsync("openssl", "GET /sign-in HTTP/1.1\r\nHost: id.example.org\r\nConnection: close\r\n\r\n", ["s_client", "-quiet", "-connect", $"127.0.0.1:{tls}"]);
            Assert.True(code == 0 && page.Contains("HTTP/1.1 200 OK", StringComparison.Ordinal), page);
            Assert.Matches(new Regex(@"^Server: nginx\r?$", RegexOptions.Multiline | RegexOptions.IgnoreCase), page);
            Assert.Matches(new Regex(@"^Strict-Transport-Security: max-age=31536000\r?$", RegexOptions.Multiline | RegexOptions.IgnoreCase), page);
            Assert.DoesNotContain("Kestrel", page, StringComparison.OrdinalIgnoreCase);

            using var client = new HttpClient(new HttpClientHandler { AllowAutoRedirect = false }) { BaseAddress = new Uri($"http://127.0.0.1:{plain}") };
            using var led = await client.GetAsync("/sign-in?x=1");
            Assert.Equal((HttpStatusCode.PermanentRedirect, "https://id.example.org/sign-in?x=1"), (led.StatusCode, led.Headers.Location?.OriginalString));
            foreach (var path in (string[])["/api/v1/me", "/connect/token"])
            {
                using var refused = await client.PostAsync(path, null);
                Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
            }
        }

        // And this openssl would have got in, had it been let.
        (tls, plain) = (RunningProgram.FreePort(), RunningProgram.FreePort());
        await using (await StartAsync(server.Port, tls, plain, weak: true))
        {
            foreach (var weak in s_weak)
                Assert.True((await ShakeHandsAsync(tls, weak)).Code == 0, string.Join(' ', weak));
        }
    }

    private static Task<(int Code, string Output)> ShakeHandsAsync(int port, params string[] how) => Commands.TryRunAsync("openssl", "", ["s_client", "-connect", $"127.0.0.1:{port}", .. how]);

    private async Task<NginxProcess> StartAsync(int node, int tls, int plain, bool weak = false)
    {
        Tools.Require("openssl", "/usr/bin/openssl", "/usr/local/bin/openssl");
        var (key, certificate) = (Path.Combine(_folder.FullName, "key.pem"), Path.Combine(_folder.FullName, "certificate.pem"));
        if (!File.Exists(key))
            await Commands.RunAsync("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=id.example.org", "-keyout", key, "-out", certificate);
        var settings = await File.ReadAllTextAsync(Path.Combine(Repository.Root, "deploy", "nginx.conf"));
        if (weak)
            settings = Regex.Replace(settings.Replace("ssl_protocols TLSv1.2 TLSv1.3;", "ssl_protocols TLSv1 TLSv1.1 TLSv1.2;", StringComparison.Ordinal), "ssl_ciphers [^;]*;", $"ssl_ciphers {AnySuite};");
        return await NginxProcess.StartAsync(new Uri($"http://127.0.0.1:{plain}"), settings,
            ("10.0.0.11:5080", $"127.0.0.1:{node}"), ("10.0.0.12:5080", $"127.0.0.1:{node}"), ("listen 443 ssl", $"listen 127.0.0.1:{tls} ssl"), ("listen 80;", $"listen 127.0.0.1:{plain};"),
            ("/etc/ssl/id.example.org/fullchain.pem", certificate), ("/etc/ssl/id.example.org/key.pem", key));
    }
}
