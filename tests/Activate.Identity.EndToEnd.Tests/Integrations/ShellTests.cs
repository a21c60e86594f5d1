using System.Net;
using System.Runtime.Versioning;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Activate.Identity.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Activate.Identity.EndToEnd.Tests.Integrations;

/// <summary>The shell lines of docs/integrations/kubectl.md and ci.md as they stand there, with the real actid, curl, jq and kubectl.</summary>
[UnsupportedOSPlatform("windows")]
public sealed class ShellTests(IntegrationsServer fixture) : IClassFixture<IntegrationsServer>, IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("activate-shell-");

    [Fact]
    public async Task Kubectl_brings_the_API_server_a_token_for_it_alone()
    {
        const string audience = "https://kubernetes.example.org";
        Require();
        var kubectl = Tools.Require("kubectl", "/usr/bin/kubectl", "/usr/local/bin/kubectl");
        await fixture.RegisterAsync("resourceServer", new { resources = new[] { audience } });
        var (_, key) = await fixture.AddMemberAsync(null, "platform");
        await WriteProgramAsync("kubectl-activate", Repository.CodeBlock("integrations/kubectl.md", "`/usr/local/bin/kubectl-activate` needs"));

        // What an API server would see, over https as kubectl demands.
        var seen = new List<string>();
        using var certificate = Certificate();
        await File.WriteAllTextAsync(Path.Combine(_folder.FullName, "ca.crt"), certificate.ExportCertificatePem());
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        var port = RunningProgram.FreePort();
        builder.WebHost.UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, port, listen => listen.UseHttps(certificate)));
        await using var apiServer = builder.Build();
        apiServer.Run(async http =>
        {
            lock (seen)
                seen.Add(http.Request.Headers.Authorization.ToString());
            await http.Response.WriteAsJsonAsync(new { paths = new[] { "/api" } });
        });
        await apiServer.StartAsync();

        var config = fixture.Documented("integrations/kubectl.md", "In the kubeconfig",
            ($"{audience}:6443", $"https://localhost:{port}"), ("/etc/kubernetes/ca.crt", $"{_folder.FullName}/ca.crt"));
        // Debian 12's is 1.20, which knows the format by its older name only.
        var version = JsonDocument.Parse(await RunAsync([], kubectl, "version", "--client", "-o", "json")).RootElement.GetProperty("clientVersion").GetProperty("minor").GetString()!;
        if (int.Parse(new string([.. version.TakeWhile(char.IsAsciiDigit)]), System.Globalization.CultureInfo.InvariantCulture) < 22)
            config = config.Replace("client.authentication.k8s.io/v1\n", "client.authentication.k8s.io/v1beta1\n", StringComparison.Ordinal);
        await File.WriteAllTextAsync(Path.Combine(_folder.FullName, "kubeconfig"), config);

        foreach (var credential in new[] { ("ACTID_API_KEY", key.Key), ("ACTID_TOKEN", await fixture.Server.LoginWithDeviceAsync(scope: "platform")) })
        {
            seen.Clear();
            Assert.Contains("/api", await RunAsync([credential, ("HOME", _folder.FullName)], kubectl, "--kubeconfig", Path.Combine(_folder.FullName, "kubeconfig"), "get", "--raw", "/"), StringComparison.Ordinal);
            var token = seen[^1]["Bearer ".Length..];
            var claims = JsonDocument.Parse(System.Buffers.Text.Base64Url.DecodeFromChars(token.Split('.')[1])).RootElement;
            Assert.Equal((audience, fixture.Server.Origin.ToString(), "hydrology-lab"),
                (claims.GetProperty("aud").GetString(), claims.GetProperty("iss").GetString(), claims.GetProperty("organization").GetString()));
        }
    }

    [Fact]
    public async Task A_pipeline_says_who_it_is_calls_an_API_hands_on_a_token_of_an_hour_and_ends_it()
    {
        Require();
        var (username, key) = await fixture.AddMemberAsync(null, "platform");
        (string, string)[] environment =
        [
            ("ACTID_API_KEY", key.Key), ("API_URL", $"{fixture.Origin}/api/v1/me"), ("ID_SERVER", fixture.Origin), ("AUDIENCE", $"{fixture.Origin}/api"), ("LEAKED_KEY", key.Key),
        ];
        var (id, secret) = await fixture.RegisterAsync("resourceServer", new { resources = new[] { fixture.Platform } });

        var output = await RunAsync(environment, "sh", "-euc", Repository.CodeBlock("integrations/ci.md", "## The lines"));
        Assert.Equal(username, output.Split('\n').First(line => line == username));
        Assert.Contains($"\"username\":\"{username}\"", output, StringComparison.Ordinal);

        output = await RunAsync(environment, "sh", "-euc", Repository.CodeBlock("integrations/ci.md", "A token of an hour") + "printf '\\n%s' \"$TOKEN\"");
        var lines = output.Split('\n');
        Assert.Contains($"\"username\":\"{username}\"", lines[0], StringComparison.Ordinal);
        var refused = await fixture.Server.ApiAsync(HttpMethod.Get, "/api/v1/me", lines[^1]);
        Assert.Equal(401, refused.Status);

        Assert.True((await fixture.Server.IntrospectAsync(id, secret, key.Key)).Json.GetProperty("active").GetBoolean());
        await RunAsync(environment, "sh", "-euc", Repository.CodeBlock("integrations/ci.md", "A key that leaked"));
        Assert.False((await fixture.Server.IntrospectAsync(id, secret, key.Key)).Json.GetProperty("active").GetBoolean());
        var (code, _) = await Apache.TryAsync([.. Surroundings, .. environment], "", "sh", "-euc", Repository.CodeBlock("integrations/ci.md", "## The lines"));
        Assert.Equal(3, code);
    }

    public void Dispose() => _folder.Delete(recursive: true);

    private (string, string)[] Surroundings => [("PATH", $"{_folder.FullName}:{Environment.GetEnvironmentVariable("PATH")}"), ("ACTID_CONFIG_DIR", $"{_folder.FullName}/config"), ("NO_COLOR", "1")];

    private void Require()
    {
        Tools.Require("curl", "/usr/bin/curl");
        Tools.Require("jq", "/usr/bin/jq");
        WriteProgramAsync("actid", $"#!/bin/sh\nexec dotnet '{Path.Combine(AppContext.BaseDirectory, "actid.dll")}' \"$@\"\n").GetAwaiter().GetResult();
    }

    private Task<string> RunAsync((string, string)[] environment, params string[] command) => Apache.RunAsync([.. Surroundings, .. environment], command);

    private async Task WriteProgramAsync(string name, string text)
    {
        var path = Path.Combine(_folder.FullName, name);
        await File.WriteAllTextAsync(path, text);
        File.SetUnixFileMode(path, (UnixFileMode)0b111_101_101);
    }

    private static X509Certificate2 Certificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        return request.CreateSelfSigned(TimeProvider.System.GetUtcNow().AddDays(-1), TimeProvider.System.GetUtcNow().AddDays(1));
    }
}
