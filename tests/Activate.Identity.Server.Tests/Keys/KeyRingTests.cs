using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.RegularExpressions;
using Activate.Identity.Data;
using Activate.Identity.Server.Connect;
using Activate.Identity.Server.Keys;
using Activate.Identity.Server.Setup;
using Activate.Identity.Server.Web;
using Activate.Identity.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace Activate.Identity.Server.Tests.Keys;

/// <summary>The server's keys and what it refuses to start with.</summary>
public sealed class KeyRingTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("activate-keys-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [Trait("Case", "C7")]
    [InlineData("http://id.example.org", null, "plain http")]
    [InlineData(null, "http://0.0.0.0:5080", "Server:PublicOrigin")]
    [InlineData(null, "http://id.example.org:5080", "plain http")]
    [InlineData("https://id.example.org", null, "KeyRing:CertificatePath")]
    [InlineData("http://localhost:5080", null, "KeyRing:CertificatePath")]
    public void Production_does_not_start_without_https_or_without_a_certificate_and_says_so(string? origin, string? urls, string named)
    {
        var refusal = Assert.Throws<StartupException>(() => Build("Production", ("Server:PublicOrigin", origin), ("Urls", urls)));
        Assert.Contains(named, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Case", "C7")]
    [Trait("Case", "F11")]
    public void A_certificate_that_cannot_be_read_stops_the_start_and_its_password_is_not_shown()
    {
        var ecdsa = Path.Combine(_folder, "ec.pfx");
        using (var key = ECDsa.Create())
        using (var certificate = new CertificateRequest("CN=x", key, HashAlgorithmName.SHA256).CreateSelfSigned(DateTimeOffset.UtcNow, DateTimeOffset.UtcNow.AddYears(1)))
            File.WriteAllBytes(ecdsa, certificate.Export(X509ContentType.Pkcs12, "canary-password"));
        var text = Path.Combine(_folder, "text.pfx");
        File.WriteAllText(text, "no certificate");
        foreach (var (path, password) in ((string, string)[])[(Path.Combine(_folder, "none.pfx"), "canary-password"), (text, "canary-password"), (NewCertificate("right"), "canary-password"), (ecdsa, "canary-password"), (_folder, "canary-password")])
        {
            var refusal = Assert.Throws<StartupException>(() => Build("Production", ("Server:PublicOrigin", "https://id.example.org"), ("KeyRing:CertificatePath", path), ("KeyRing:CertificatePassword", password)));
            Assert.Contains("KeyRing:CertificatePath", refusal.Message, StringComparison.Ordinal);
            Assert.DoesNotContain("canary-password", refusal.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    [Trait("Case", "C7")]
    [Trait("Case", "C3")]
    public async Task With_a_certificate_the_ring_is_encrypted_and_without_it_the_server_refuses_to_start_rather_than_sign_with_a_new_key()
    {
        var certificate = NewCertificate("pass");
        (string, string?)[] settings = [("Server:PublicOrigin", "https://id.example.org"), ("KeyRing:CertificatePath", certificate), ("KeyRing:CertificatePassword", "pass"), ("Data:Folder", _folder)];
        string kid;
        await using (var app = Build("Production", settings))
        {
            await PrepareAsync(app);
            kid = Kids(app);
            var rows = await RowsAsync(app, database => database.DataProtectionKeys.Select(key => key.Xml!).ToListAsync());
            Assert.NotEmpty(rows);
            Assert.All(rows, xml =>
            {
                Assert.Contains("EncryptedData", xml, StringComparison.Ordinal);
                Assert.DoesNotContain("<masterKey", xml, StringComparison.Ordinal);
                Assert.DoesNotContain("<value>", xml, StringComparison.Ordinal);
            });
            var keys = await RowsAsync(app, database => database.ServerKeys.Select(key => key.Protected).ToListAsync());
            Assert.Equal(4, keys.Count);
            // A PKCS#8 RSA key would show its object id, an EC key its own.
            foreach (var id in (string[])["2A864886F70D010101", "2A8648CE3D0201"])
                Assert.All(keys, key => Assert.DoesNotContain(id, Convert.ToHexString(Convert.FromBase64String(key)), StringComparison.Ordinal));
        }

        await using (var again = Build("Production", settings))
        {
            await PrepareAsync(again);
            Assert.Equal(kid, Kids(again));
        }

        foreach (var other in (string?[])[null, NewCertificate("pass")])
        {
            await using var without = Build(other is null ? "Development" : "Production", ("Server:PublicOrigin", "https://id.example.org"), ("Data:Folder", _folder), ("KeyRing:CertificatePath", other), ("KeyRing:CertificatePassword", other is null ? null : "pass"));
            var refusal = await Assert.ThrowsAsync<StartupException>(() => PrepareAsync(without));
            Assert.Contains("Restore it", refusal.Message, StringComparison.Ordinal);
        }

        await using var rightAgain = Build("Production", settings);
        await PrepareAsync(rightAgain);
        // Those starts left no key of theirs in the ring.
        Assert.Single(await RowsAsync(rightAgain, database => database.DataProtectionKeys.Select(key => key.Id).ToListAsync()));
        Assert.Equal(kid, Kids(rightAgain));
    }

    [Fact]
    [Trait("Case", "C7")]
    public async Task Production_does_not_start_on_a_ring_that_was_made_without_a_certificate()
    {
        await using (var app = Build("Development", ("Server:PublicOrigin", "https://id.example.org"), ("Data:Folder", _folder)))
            await PrepareAsync(app);
        (string, string?)[] settings = [("Server:PublicOrigin", "https://id.example.org"), ("Data:Folder", _folder), ("KeyRing:CertificatePath", NewCertificate("pass")), ("KeyRing:CertificatePassword", "pass")];
        await using (var app = Build("Production", settings))
            Assert.Contains("not encrypted", (await Assert.ThrowsAsync<StartupException>(() => PrepareAsync(app))).Message, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Case", "F11")]
    public async Task A_lost_ring_or_a_damaged_key_stops_the_start()
    {
        (string, string?)[] settings = [("Data:Folder", _folder)];
        await using (var app = Build("Development", settings))
        {
            await PrepareAsync(app);
            await RowsAsync(app, database => database.DataProtectionKeys.ExecuteDeleteAsync());
        }

        await using (var app = Build("Development", settings))
            Assert.Contains("Restore it", (await Assert.ThrowsAsync<StartupException>(() => PrepareAsync(app))).Message, StringComparison.Ordinal);
        await using (var app = Build("Development", settings))
        {
            await RowsAsync(app, database => database.ServerKeys.ExecuteUpdateAsync(set => set.SetProperty(key => key.Protected, "not base64!")));
            Assert.Contains("Restore it", (await Assert.ThrowsAsync<StartupException>(() => PrepareAsync(app))).Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [Trait("Case", "F8")]
    [EachDatabase]
    public async Task Four_nodes_that_start_at_once_on_an_empty_database_have_the_same_keys_and_one_first_owner(DatabaseProvider provider)
    {
        var connection = await TestDatabases.CreateAsync(provider);
        var nodes = Enumerable.Range(0, 4).Select(_ => Build("Development", ("Data:Folder", _folder), ("Database:Provider", provider.ToString()), ("Database:ConnectionString", connection),
            ("Setup:Organization", "Lab"), ("Setup:Username", "ada"), ("Setup:Email", "ada@example.test"), ("Setup:Password", TestServer.OwnerPassword))).ToArray();
        try
        {
            await Task.WhenAll(nodes.Select(node => Task.Run(async () =>
            {
                await PrepareAsync(node);
                await node.PrepareApplicationsAsync();
                await node.PrepareFirstOwnerAsync();
            })));
            var keys = nodes.Select(node => node.Services.GetRequiredService<ServerKeys>()).ToArray();
            Assert.Single(nodes.Select(Kids).Distinct());
            Assert.Single(keys.Select(key => Convert.ToHexString(key.Encryption.Key)).Distinct());
            Assert.Single(keys.Select(key => Convert.ToHexString(key.HashCode("code"u8))).Distinct());
            Assert.Equal(1, await RowsAsync(nodes[0], database => database.Users.CountAsync()));
            Assert.Equal(1, await RowsAsync(nodes[0], database => database.Organizations.CountAsync()));
            Assert.Equal(1, await RowsAsync(nodes[0], database => database.Applications.CountAsync()));
        }
        finally
        {
            foreach (var node in nodes)
                await node.DisposeAsync();
        }
    }

    [Fact]
    [Trait("Case", "C2")]
    public async Task A_cookie_or_form_token_that_was_changed_anywhere_is_refused()
    {
        await using var server = await TestServer.StartAsync();
        using var browser = await server.SignInAsync();
        var cookie = browser.Cookies.GetCookies(server.Origin)["activate"]!.Value;
        for (var i = 0; i < cookie.Length; i += 3)
        {
            // The last character carries two bits that decoding ignores; the text counts all the same.
            var changed = cookie[..i] + (cookie[i] == 'A' ? 'B' : 'A') + cookie[(i + 1)..];
            var answer = await server.RawAsync("GET /device", [$"Cookie: activate={changed}"]);
            Assert.True(answer.Status == 302 && answer.Head.Contains("Location: /sign-in", StringComparison.Ordinal), answer.ToString());
        }

        using var form = server.Browser();
        await form.GoAsync("/sign-in");
        var antiforgery = form.Cookies.GetCookies(server.Origin)["activate-form"]!.Value;
        var request = form.FormRequest("Sign in", ("Username", TestServer.OwnerName), ("Password", TestServer.OwnerPassword));
        var body = await request.Content!.ReadAsStringAsync();
        var token = Regex.Match(body, "__RequestVerificationToken=([^&]+)").Groups[1].Value;
        for (var i = 8; i < token.Length; i += 11)
        {
            if (token[i] == '%' || token[i - 1] == '%' || token[i - 2] == '%')
                continue;
            var changed = token[..i] + (token[i] == 'A' ? 'B' : 'A') + token[(i + 1)..];
            var answer = await server.RawAsync("POST /sign-in", [$"Cookie: activate-form={antiforgery}", "Content-Type: application/x-www-form-urlencoded"], body.Replace(token, changed, StringComparison.Ordinal));
            Assert.Equal(400, answer.Status);
        }

        for (var i = 8; i < antiforgery.Length; i += 11)
        {
            var changed = antiforgery[..i] + (antiforgery[i] == 'A' ? 'B' : 'A') + antiforgery[(i + 1)..];
            Assert.Equal(400, (await server.RawAsync("POST /sign-in", [$"Cookie: activate-form={changed}", "Content-Type: application/x-www-form-urlencoded"], body)).Status);
        }
    }

    private static WebApplication Build(string environment, params (string Key, string? Value)[] settings) => Program.Build(["--environment", environment], builder =>
        builder.Configuration.AddInMemoryCollection(settings.Where(setting => setting.Value is not null).Select(setting => KeyValuePair.Create(setting.Key, setting.Value))));

    private static string Kids(WebApplication app) => string.Join(' ', app.Services.GetRequiredService<SigningKeys>().All.Select(key => key.Kid));

    private static async Task PrepareAsync(WebApplication app)
    {
        await app.MigrateAsync();
        await app.PrepareKeysAsync();
    }

    private static async Task<T> RowsAsync<T>(WebApplication app, Func<ActivateDbContext, Task<T>> query)
    {
        await using var scope = app.Services.CreateAsyncScope();
        return await query(scope.ServiceProvider.GetRequiredService<ActivateDbContext>());
    }

    private string NewCertificate(string password)
    {
        var path = Path.Combine(_folder, $"{Guid.NewGuid():N}.pfx");
        using var key = RSA.Create(2048);
        using var certificate = new CertificateRequest("CN=Activate.Identity ring", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1).CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddYears(10));
        File.WriteAllBytes(path, certificate.Export(X509ContentType.Pkcs12, password));
        return path;
    }
}
