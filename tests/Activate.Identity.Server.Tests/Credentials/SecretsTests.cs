using System.Net.Http;
using System.Text;
using Activate.Identity.Data;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Testing;
using static Activate.Identity.Server.Tests.ApiKeys.ApiCalls;

namespace Activate.Identity.Server.Tests.Credentials;

/// <summary>Secrets that were used are to be found neither in storage nor in the log.</summary>
public class SecretsTests
{
    [Theory]
    [Trait("Case", "C1")]
    [Trait("Case", "K4")]
    [Trait("Case", "L1")]
    [EachDatabase("Verbose")]
    public async Task No_secret_in_a_right_or_a_wrong_field_reaches_storage_or_the_log(string level, DatabaseProvider database)
    {
        var settings = new Dictionary<string, string?> { ["Serilog:MinimumLevel:Default"] = level };
        foreach (var source in (string[])["Microsoft", "System", "OpenIddict", "OpenIddict.Server", "OpenIddict.Server.OpenIddictServerDispatcher", "Microsoft.AspNetCore", "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel",
                 "Microsoft.EntityFrameworkCore", "Microsoft.EntityFrameworkCore.Database.Command", "Npgsql", "Activate.Identity"])
            settings[$"Serilog:MinimumLevel:Override:{source}"] = level;
        await using var server = await TestServer.StartAsync(new TestServerOptions { Database = database, Settings = settings });
        var secrets = new Dictionary<string, string> { ["password"] = TestServer.OwnerPassword };

        // Rightly used.
        var login = await server.StartDeviceAsync(TestServer.ManageScopes, "login-node");
        secrets["device code"] = login.DeviceCode;
        secrets["user code"] = login.UserCode;
        secrets["user code without a dash"] = login.UserCode.Replace("-", "", StringComparison.Ordinal);
        using var browser = await server.SignInAsync();
        secrets["session cookie"] = browser.Cookies.GetCookies(server.Origin)["activate"]!.Value;
        await TestServer.ApproveAsync(browser, login);
        var session = (await server.PollAsync(login)).Text("access_token");
        secrets["session token"] = session;
        var key = await server.CreateApiKeyAsync(session, "nightly");
        secrets["key"] = key.Key;
        secrets["rotated key"] = (await server.PostAsync($"{KeysPath}/{key.Id}/rotate", session)).Text("key");
        secrets["generated token"] = (await server.PostAsync("/api/v1/tokens", session, new { })).Text("token");
        var application = await server.PostAsync("/api/v1/organization/applications", session, new { name = "Api", type = "resourceServer", resources = new[] { "https://api.example.test" } });
        secrets["client secret"] = application.Text("clientSecret");
        secrets["rotated client secret"] = (await server.PostAsync($"/api/v1/organization/applications/{application.Text("id")}/secret", session)).Text("clientSecret");
        await server.IntrospectAsync(application.Text("clientId"), secrets["client secret"], key.Key);
        foreach (var credential in secrets.Values.ToArray())
            await server.GetAsync("/api/v1/me", credential.Replace(' ', '-'));
        await server.ApiAsync(HttpMethod.Get, "/api/v1/me", TestServer.Basic(key.Key), null);

        // In wrong fields.
        foreach (var secret in secrets.Values.ToArray())
        {
            var escaped = Uri.EscapeDataString(secret);
            // In a path only what can be told from an ordinary word.
            foreach (var path in (string[])[.. secret.Length > 40 ? (string[])[$"/api/v1/api-keys/{escaped}", $"/{escaped}", $"/a/{escaped}/b"] : [], $"/api/v1/me?access_token={escaped}", $"/device?user_code={escaped}", $"/connect/authorize?client_id={escaped}", $"{KeysPath}?after={escaped}&limit={escaped}"])
                await server.RawAsync($"GET {path}", [$"Authorization: Bearer {session}", $"User-Agent: {secret}", $"Cookie: activate={secret}", $"X-Forwarded-For: {secret}"]);
            await server.PostAsync(KeysPath, session, new { name = secret + new string('x', 300) });
            await server.PostAsync(KeysPath, session, new Dictionary<string, string> { ["name"] = "x", [secret] = secret });
            await server.PostAsync(KeysPath, session, new { name = "x", scopes = new[] { secret } });
            await server.PostAsync("/api/v1/tokens", session, new { expiresInHours = secret });
            await server.SendTextAsync(HttpMethod.Post, KeysPath, session, secret);
            await server.PostFormAsync("/connect/token", [("grant_type", secret), ("client_id", secret), ("device_code", secret), ("refresh_token", secret), ("client_secret", secret)]);
            await server.PostFormAsync("/connect/token", [("grant_type", "authorization_code"), ("client_id", TestServer.Cli), ("code", secret), ("code_verifier", secret), ("redirect_uri", secret)]);
            await server.PostFormAsync("/connect/introspect", [("token", secret), ("client_id", TestServer.Cli), ("token_type_hint", secret)]);
            await server.PostFormAsync("/connect/device", [("client_id", TestServer.Cli), ("scope", secret)]);
            using var form = server.Browser();
            await form.GoAsync("/sign-in");
            await form.SubmitAsync("Sign in", ("Username", secret), ("Password", secret));
            await form.GoAsync("/sign-in");
            await form.SubmitAsync("Sign in", ("Username", TestServer.OwnerName), ("Password", secret + "x"));
        }

        await server.PostFormAsync("/connect/revoke", [("token", secrets["rotated key"])]);
        Assert.Equal(401, (await server.GetAsync("/api/v1/me", secrets["rotated key"])).Status);
        await server.FlushLastUsesAsync();
        var dump = await server.DumpStorageAsync();
        // The dump can be searched at all.
        Assert.Contains("nightly", dump, StringComparison.Ordinal);
        Assert.Contains(TestServer.OwnerEmail, dump, StringComparison.Ordinal);
        var log = string.Join('\n', server.Logs.Lines);
        Assert.True(log.Contains("/api/v1/api-keys", StringComparison.Ordinal), log[..Math.Min(6000, log.Length)]);
        foreach (var (what, secret) in secrets)
        {
            foreach (var form in Forms(secret))
            {
                Assert.False(dump.Contains(form, StringComparison.OrdinalIgnoreCase), $"The storage holds the {what}.");
                Assert.False(log.Contains(form, StringComparison.OrdinalIgnoreCase), $"The log holds the {what}: {server.Logs.Lines.FirstOrDefault(line => line.Contains(form, StringComparison.OrdinalIgnoreCase))}");
            }
        }
    }

    [Fact]
    [Trait("Case", "L3")]
    public async Task What_an_attacker_writes_into_a_request_stays_on_one_clean_line_of_the_log()
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { Settings = new Dictionary<string, string?> { ["Serilog:MinimumLevel:Default"] = "Debug" } });
        var (_, session) = await server.AddPersonAsync();
        foreach (var attack in (string[])["%0d%0aERR%20forged", "%0aERR%20forged", "%1b[2J%1b[31m", "%c2%9b31m", "%e2%80%a8forged", "%e2%80%aeforged", "%00", "%7f", "%c2%85forged"])
        {
            await server.RawAsync($"GET /api/v1/{attack}", [$"Authorization: Bearer {session}", "User-Agent: agent\u001b[31m", "X-Forwarded-For: 1.2.3.4\u001b[31m"]);
            await server.PostAsync(KeysPath, session, new { name = Uri.UnescapeDataString(attack) });
        }

        Assert.Contains(server.Logs.Lines, line => line.Contains("forged", StringComparison.Ordinal));
        Assert.All(server.Logs.Lines, line => Assert.True(
            line.All(c => !char.IsControl(c) && char.GetUnicodeCategory(c) is not (System.Globalization.UnicodeCategory.Format or System.Globalization.UnicodeCategory.LineSeparator)), $"Not clean: {Uri.EscapeDataString(line)}"));
    }

    /// <summary>The secret as written, and the random part alone as other layers might write it.</summary>
    private static IEnumerable<string> Forms(string secret)
    {
        var core = secret.Length > 60 ? secret[^49..^6] : secret;
        yield return core;
        yield return Uri.EscapeDataString(core);
        yield return core.Replace(' ', '+');
        if (core.Length < 12)
            yield break;
        // Base64 at the three possible offsets, without the characters that depend on the neighbours.
        for (var offset = 0; offset < 3; offset++)
            yield return Convert.ToBase64String(Encoding.ASCII.GetBytes(new string(' ', offset) + core))[4..^4];
        yield return Convert.ToHexString(Encoding.ASCII.GetBytes(core));
    }
}
