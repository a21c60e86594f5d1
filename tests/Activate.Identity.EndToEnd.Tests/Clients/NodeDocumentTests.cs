using System.Diagnostics;
using System.Text.RegularExpressions;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Activate.Identity.EndToEnd.Tests.Clients;

/// <summary>The programs that docs/integrations/node.md shows, run as they stand there.</summary>
public sealed class NodeDocumentTests(ClientsServer fixture) : IClassFixture<ClientsServer>
{
    private const string Document = "integrations/node.md";
    private static readonly string[] s_scopes = ["openid", "profile", "email"];

    [Theory]
    [InlineData("portal.mjs", "Not signed in: access_denied")]
    [InlineData("passport.mjs", "Not signed in: access_denied")]
    [InlineData("passport-openidconnect.mjs", "Not signed in: ")]
    public async Task It_signs_somebody_in_with_a_session_and_reports_a_denial(string program, string denial)
    {
        NodeProgram.Require();
        var home = new Uri($"http://127.0.0.1:{RunningProgram.FreePort()}");
        var origin = home.GetLeftPart(UriPartial.Authority);
        var (id, secret) = await fixture.RegisterAsync("web", ("redirectUris", new[] { $"{origin}/callback" }), ("postLogoutRedirectUris", new[] { $"{origin}/signed-out" }), ("scopes", s_scopes));
        if (program == "passport-openidconnect.mjs")
            await ExemptAsync(id);
        await using var portal = await DocumentedProgram.StartAsync(program, home, new()
        {
            ["ISSUER"] = fixture.Server.Origin.ToString(), ["CLIENT_ID"] = id, ["CLIENT_SECRET"] = secret, ["SESSION_SECRET"] = "a secret of the test", ["BASE_URL"] = origin,
        });
        var (username, browser) = await fixture.NewPersonAsync();
        using (browser)
        using (var visitor = new Visitor(home))
        {
            Assert.EndsWith("/login", (await visitor.GoAsync("/"))!.ToString(), StringComparison.Ordinal);
            var denied = await TestServer.AllowAsync(browser, (await visitor.GoAsync("/login"))!.ToString(), "Deny");
            for (var next = denied; next is not null;)
                next = await visitor.GoAsync(next.ToString());
            Assert.StartsWith(denial, visitor.Body, StringComparison.Ordinal);

            var callback = await TestServer.AllowAsync(browser, (await visitor.GoAsync("/login"))!.ToString());
            Assert.Equal("/", (await visitor.GoAsync(callback.ToString()))?.ToString());
            await visitor.GoAsync("/");
            Assert.Equal($"Hello, {username}", visitor.Body);

            if (program == "portal.mjs")
            {
                await browser.GoAsync((await visitor.GoAsync("/logout"))!.ToString());
                Assert.Equal($"{origin}/signed-out", browser.Response.Headers.Location?.ToString());
                Assert.EndsWith("/login", (await visitor.GoAsync("/"))!.ToString(), StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public async Task The_API_takes_access_tokens_and_API_keys()
    {
        NodeProgram.Require();
        var platform = $"{fixture.Server.Origin}platform";
        var (id, secret) = await fixture.RegisterAsync("resourceServer", serverWide: true, ("resources", new[] { platform }));
        var home = new Uri($"http://127.0.0.1:{RunningProgram.FreePort()}");
        await using var api = await DocumentedProgram.StartAsync("api.mjs", home, new()
        {
            ["ISSUER"] = fixture.Server.Origin.ToString(), ["CLIENT_ID"] = id, ["CLIENT_SECRET"] = secret, ["RESOURCE"] = platform, ["PORT"] = $"{home.Port}",
        });
        var user = await fixture.Server.CreateUserAsync("apiuser");
        var key = await fixture.ApiKeyOfAsync("apiuser");
        using var visitor = new Visitor(home);
        foreach (var credential in new[] { key, await fixture.Server.GrantAsync(user.Id, "platform") })
        {
            await visitor.GoAsync("/", credential);
            Assert.StartsWith($$"""{"subject":"{{user.Id}}","scope":"platform""", visitor.Body, StringComparison.Ordinal);
        }

        Assert.Equal(200, (await fixture.Server.PostFormAsync("/connect/revoke", [("token", key)])).Status);
        foreach (var credential in new[] { key, "made-up", null, await fixture.Server.GrantAsync(user.Id, "openid") })
        {
            await visitor.GoAsync("/", credential);
            Assert.Equal(401, visitor.Status);
        }
    }

    /// <summary>The statement of the document.</summary>
    private async Task ExemptAsync(string clientId)
    {
        var statement = Regex.Replace(Repository.CodeBlock(Document, "marked as exempt"), "'[0-9a-f-]{36}'", "{0}");
#pragma warning disable EF1002 // It is our own document.
        Assert.Equal(1, await fixture.Server.QueryAsync(database => database.Database.ExecuteSqlRawAsync(statement.Replace("'{\"", "'{{\"", StringComparison.Ordinal).Replace("\"}'", "\"}}'", StringComparison.Ordinal), clientId)));
#pragma warning restore EF1002
        fixture.Server.Services().GetRequiredService<CredentialCache>().Forget();
    }

    /// <summary>A browser at the program, which follows no redirect.</summary>
    private sealed class Visitor(Uri home) : IDisposable
    {
        private readonly HttpClient _client = new(new HttpClientHandler { AllowAutoRedirect = false }) { BaseAddress = home };

        public string Body { get; private set; } = "";

        public int Status { get; private set; }

        /// <summary>Where it leads.</summary>
        public async Task<Uri?> GoAsync(string address, string? bearer = null)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, address);
            if (bearer is not null)
                request.Headers.Authorization = new("Bearer", bearer);
            using var response = await _client.SendAsync(request);
            (Body, Status) = (await response.Content.ReadAsStringAsync(), (int)response.StatusCode);
            return response.Headers.Location;
        }

        public void Dispose() => _client.Dispose();
    }

    /// <summary>A program of the document in a folder of its own, beside the libraries.</summary>
    private sealed class DocumentedProgram : IAsyncDisposable
    {
        private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("activate-node-");
        private readonly Process _process;

        private DocumentedProgram(string program, Dictionary<string, string> environment)
        {
            Directory.CreateSymbolicLink(Path.Combine(_folder.FullName, "node_modules"), NodeProgram.Modules);
            var file = Path.Combine(_folder.FullName, program);
            File.WriteAllText(file, Repository.CodeBlock(Document, $"```js\n// {program}"));
            var start = NodeProgram.StartInfo(file);
            foreach (var (name, value) in environment)
                start.Environment[name] = value;
            _process = Process.Start(start) ?? throw new InvalidOperationException("Cannot start node.");
            _process.OutputDataReceived += (_, _) => { };
            _process.ErrorDataReceived += (_, line) => Errors += line.Data + "\n";
            _process.BeginOutputReadLine();
            _process.BeginErrorReadLine();
        }

        private string Errors { get; set; } = "";

        public static async Task<DocumentedProgram> StartAsync(string program, Uri home, Dictionary<string, string> environment)
        {
            var started = new DocumentedProgram(program, environment);
            await Waiting.ForAnswerAsync(home, () => started._process.HasExited ? $"It ended: {started.Errors}" : null);
            return started;
        }

        public async ValueTask DisposeAsync()
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync();
            _process.Dispose();
            // The link, not what it leads to.
            Directory.Delete(Path.Combine(_folder.FullName, "node_modules"));
            _folder.Delete(recursive: true);
        }
    }
}
