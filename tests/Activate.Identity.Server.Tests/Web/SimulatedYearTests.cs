using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Activate.Identity.Server.Keys;
using Activate.Identity.Server.Mail;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.SshCertificates;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Server.Tests.Keys;
using Activate.Identity.Server.Tests.Members;
using Activate.Identity.Server.Tests.Organizations;
using Activate.Identity.Server.Tests.SshKeys;
using Activate.Identity.Server.Web;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using static Activate.Identity.Server.Tests.ApiKeys.ApiCalls;

namespace Activate.Identity.Server.Tests.Web;

/// <summary>More than a year in the life of a server, a day at a time, with a little of everything on each: what only time shows.</summary>
public sealed class SimulatedYearTests(ITestOutputHelper output)
{
    private const int AuditDays = 30;
    private static readonly int KeyDays = Tools.FullSize ? 30 : 15;
    private const string Person = "grace";
    private const string Leaver = "leaver";
    private const string App = "portal";
    private const string Secret = "a secret of a portal";

    /// <summary>
    /// How many rows there may be after so many days. A table that is not here has a dozen at most, however long it is: so a new one that grows fails. What is listed for 90 days after its end
    /// is counted with them; what is kept for ever stands at the end.
    /// </summary>
    private static readonly Dictionary<string, Func<int, double>> s_most = new()
    {
        ["ApiKeys"] = day => 4 + 1.1 * Math.Min(day, KeyDays + 91),
        ["ApiKeyHashes"] = day => 6 + 1.2 * Math.Min(day, KeyDays + 91),
        ["SshKeys"] = day => 2 + Math.Min(day, KeyDays + 91),
        // Each day a device login and a generated token; an application's sign-in now and then.
        ["TokenGrants"] = day => 8 + 2.2 * Math.Min(day, 92),
        ["ExpiryNotices"] = _ => 8 * 14,
        ["BrowserSessions"] = _ => 24,
        ["DeviceRequests"] = _ => 8,
        ["SpentForms"] = _ => 16,
        ["Throttles"] = _ => 24,
        ["AuditEvents"] = day => 40 + 30.0 * Math.Min(day, AuditDays + 1),
        ["AuditWords"] = day => 20 + 12.0 * Math.Min(day, AuditDays + 1),
        // By design: no name is given twice (a row for each person that ever was), and a person's SSH keys are remembered, a thousand at most, so that none comes back younger.
        ["AuditPersons"] = day => 5 + day / 7.0,
        ["RetiredUsernames"] = day => 2 + day / 7.0,
        ["KnownSshKeys"] = day => 1 + day,
    };

    private readonly List<Made> _keys = [];
    private readonly HashSet<string> _kids = [];
    private string? _refresh;
    private int _chains;

    /// <param name="Name">Of the API key.</param>
    /// <param name="Key">The secret.</param>
    /// <param name="Ends">When.</param>
    private sealed record Made(string Name, string Key, DateTime Ends);

    [Fact, Trait("Case", "F17")]
    public async Task A_year_of_days_leaves_no_table_growing_rotates_keys_ends_what_has_to_end_and_tells_of_each_key_once()
    {
        var days = Tools.FullSize ? 400 : 18;
        await using var server = await TestServer.StartAsync(new TestServerOptions
        {
            FakeClock = true, Settings = new Dictionary<string, string?> { ["Audit:RetentionDays"] = $"{AuditDays}", ["RateLimits:Enabled"] = "false" },
        });
        await server.CreateUserAsync(Person);
        await server.RegisterApplicationAsync(App, Secret, audiences: $"{server.Origin.GetLeftPart(UriPartial.Authority)}/platform");
        var admin = await server.LoginWithDeviceAsync();
        var cluster = await server.PostAsync("/api/v1/organization/clusters", admin, new { name = "frontier", address = "login.example.test", access = new { mode = "everyone" } });
        Assert.True(cluster.Status == 201, cluster.ToString());
        var endless = (await server.CreateApiKeyAsync(admin, "endless", new { name = "endless", expiresInDays = (int?)null })).Key;
        var began = server.Now;
        _kids.Add((await server.GetKidsAsync())[0]);

        var (over, most, watch) = (new List<string>(), new Dictionary<string, (int Rows, int Day)>(), Stopwatch.StartNew());
        for (var day = 1; day <= days; day++)
        {
            var dead = await LiveAsync(server, day, cluster);
            server.Clock!.Advance(TimeSpan.FromDays(1));
            await RoundsAsync(server);
            foreach (var (what, secret) in dead)
                Assert.True(await StatusAsync(server, secret) == 401, $"Day {day}: the {what} of the day before works.");
            Assert.Equal(200, await StatusAsync(server, endless));
            await AssertKeysAsync(server, cluster.Text("key"));
            _kids.Add((await server.GetKidsAsync())[0]);
            foreach (var (table, rows) in await CountAsync(server))
            {
                if (rows > (s_most.TryGetValue(table, out var limit) ? limit(day) : 12))
                    over.Add($"day {day}: {table} has {rows} rows");
                if (rows > most.GetValueOrDefault(table).Rows)
                    most[table] = (rows, day);
            }

            Assert.True(over.Count == 0, string.Join('\n', over));
        }

        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{days} days in {watch.Elapsed.TotalSeconds:F0} s, {_chains} chains of refresh tokens, {_kids.Count} signing keys; most rows: {string.Join(", ", most.OrderByDescending(table => table.Value.Rows).Select(table => $"{table.Key} {table.Value.Rows} (day {table.Value.Day})"))}"));
        // The first key, and another every 90 days.
        Assert.Equal(1 + days / 90, _kids.Count);
        Assert.Equal(2, (await server.GetKidsAsync()).Count);
        var oldest = await server.QueryAsync(database => database.AuditEvents.MinAsync(e => e.At));
        Assert.InRange(oldest, server.Now.AddDays(-AuditDays), days > AuditDays + 2 ? server.Now.AddDays(-AuditDays + 2) : began);
        AssertToldOnce(server);
    }

    /// <summary>A day of everybody, and what of it is over on the next.</summary>
    private async Task<IReadOnlyList<(string What, string Secret)>> LiveAsync(TestServer server, int day, Answer cluster)
    {
        // A stranger tries, the person signs in.
        using (var stranger = server.Browser())
            await stranger.SignInAsync(Person, "wrong wrong wrong");
        using var browser = await server.SignInAsync(username: Person, password: TestServer.UserPassword);
        var login = await server.StartDeviceAsync(TestServer.ManageScopes);
        await TestServer.ApproveAsync(browser, login, hours: 23);
        var session = (await server.PollAsync(login)).Text("access_token");
        await server.StartDeviceAsync();

        // Keys that live for 30 days (15 in a small run), one that lives for minutes, one that is rotated; a token.
        var name = $"k{day}";
        _keys.Add(new Made(name, (await server.CreateApiKeyAsync(session, name, new { name, expiresInDays = KeyDays })).Key, server.Now.AddDays(KeyDays)));
        var brief = await server.CreateApiKeyAsync(session, "brief");
        if (day % 10 == 0)
        {
            var rotated = await server.PostAsync($"{KeysPath}/{brief.Id}/rotate", session, new { overlapHours = 1 });
            Assert.True(rotated.Status == 200, rotated.ToString());
        }

        Assert.Equal(204, (await server.DeleteAsync($"{KeysPath}/{brief.Id}", session)).Status);
        var token = await server.PostAsync("/api/v1/tokens", session, new { name = $"t{day}", expiresInHours = 2 });
        Assert.True(token.Status == 201, token.ToString());

        // SSH: a key, a look-up, a login that the cluster tells of, a certificate.
        var added = await server.PostAsync("/api/v1/ssh-keys", session, new { name = $"s{day}", publicKey = SshTestKeys.Ed25519(), expiresInDays = KeyDays });
        Assert.True(added.Status == 201, added.ToString());
        Assert.Equal(204, (await server.PostAsync($"/api/v1/authorized-keys/{Person}/logins", cluster.Text("key"), new { fingerprint = added.Text("fingerprint") })).Status);
        Assert.Equal(201, (await server.PostAsync("/api/v1/ssh-certificates", session, new { publicKey = SshTestKeys.Ed25519(), cluster = cluster.Text("id") })).Status);

        await UseApplicationAsync(server, browser, day);
        using (var forgetful = server.Browser())
        {
            await forgetful.GoAsync("/forgot-password");
            await forgetful.SubmitAsync("Mail me a link", ("Account", Person));
        }

        if (day % 7 == 0)
            await ComeAndGoAsync(server, day);
        await server.AllMailSentAsync();
        return [("session", session), ("generated token", token.Text("token"))];
    }

    /// <summary>A pushed request, a chain that is refreshed for as long as it lives, and a token of the application's own that it revokes.</summary>
    private async Task UseApplicationAsync(TestServer server, Browser browser, int day)
    {
        var pushed = await server.PostFormAsync("/connect/par",
            [("response_type", "code"), ("redirect_uri", TestServer.Callback), ("scope", "openid"), ("code_challenge", Pkce.New().Challenge), ("code_challenge_method", "S256")], authorization: TestServer.Basic(App, Secret));
        Assert.True(pushed.Status == 201, pushed.ToString());
        var refreshed = _refresh is null ? null : await server.RefreshAsync(App, Secret, _refresh);
        Assert.True(refreshed is null or { Status: 200 } or { Error: "invalid_grant" }, refreshed?.ToString());
        if (refreshed is not { Status: 200 })
        {
            refreshed = await server.ConnectAsync(browser, App, Secret);
            _chains++;
        }

        _refresh = refreshed.Text("refresh_token");
        Assert.Contains("\"active\":true", (await server.IntrospectAsync(App, Secret, refreshed.Text("access_token"))).Body, StringComparison.Ordinal);
        if (day % 20 == 0)
        {
            // Its person takes leave of it.
            Assert.Equal(200, (await server.PostFormAsync("/connect/revoke", [("token", _refresh)], authorization: TestServer.Basic(App, Secret))).Status);
            _refresh = null;
        }

        var own = await server.PostFormAsync("/connect/token", [("grant_type", "client_credentials"), ("scope", "platform")], authorization: TestServer.Basic(App, Secret));
        Assert.True(own.Status == 200, own.ToString());
        Assert.Equal(200, (await server.PostFormAsync("/connect/revoke", [("token", own.Text("access_token"))], authorization: TestServer.Basic(App, Secret))).Status);
    }

    /// <summary>Each week somebody is invited, joins and is removed, somebody else is invited in vain, and the policy changes.</summary>
    private static async Task ComeAndGoAsync(TestServer server, int day)
    {
        var admin = await server.LoginWithDeviceAsync();
        var (id, link) = await server.InvitedAsync(admin, $"{Leaver}{day}");
        using (var joined = server.Browser())
            await joined.JoinAsync(link);
        Assert.Equal(204, (await server.DeleteAsync($"{MemberCalls.MembersPath}/{id}", admin)).Status);
        var changed = await server.SetPolicyAsync(admin, new { tokens = new { maximumHours = day % 2 == 0 ? 24 : 23 } }, "shorten");
        Assert.True(changed.Status == 200, changed.ToString());
        server.Clock!.Advance(TimeSpan.FromMinutes(3));
        await server.RewriteCutsAsync();
    }

    /// <summary>All that the server does by itself, at least once a day.</summary>
    private static async Task RoundsAsync(TestServer server)
    {
        var services = server.Services();
        await services.GetRequiredService<SigningKeyRotation>().RoundAsync(CancellationToken.None);
        await services.GetRequiredService<CertificateAuthorityRotation>().RenewAsync(CancellationToken.None);
        await services.GetRequiredService<ExpiryNotices>().WriteAsync(CancellationToken.None);
        await services.GetRequiredService<UnusedKeys>().EndAsync(CancellationToken.None);
        await services.GetRequiredService<CutRewriter>().RewriteAsync(CancellationToken.None);
        await services.GetRequiredService<ExpiredRows>().DeleteAsync(CancellationToken.None);
        await server.AllMailSentAsync();
    }

    /// <summary>The newest key that has ended is refused, the oldest that has not is accepted; sshd is told of those that live.</summary>
    private async Task AssertKeysAsync(TestServer server, string cluster)
    {
        if (_keys.FindLast(key => key.Ends <= server.Now) is { } ended)
            Assert.True(await StatusAsync(server, ended.Key) == 401, $"{ended.Name} ended at {ended.Ends}, and works at {server.Now}.");
        var living = _keys.Where(key => key.Ends > server.Now).ToList();
        Assert.True(await StatusAsync(server, living[0].Key) == 200, $"{living[0].Name} ends at {living[0].Ends}, and does not work at {server.Now}.");
        Assert.Equal(living.Count, (await server.GetAsync($"/api/v1/authorized-keys/{Person}", cluster)).Json.GetProperty("keys").GetArrayLength());
    }

    /// <summary>Each key that has ended was told of 14, 7 and 1 days before, once each.</summary>
    private void AssertToldOnce(TestServer server)
    {
        var told = server.MailTo($"{Person}@example.test").Where(mail => mail.Subject!.StartsWith("Keys end", StringComparison.Ordinal))
            .SelectMany(mail => Regex.Matches(mail.TextBody!, "“(k[0-9]+)”").Select(match => (Key: match.Groups[1].Value, mail.Subject))).ToLookup(notice => notice.Key, notice => notice.Subject);
        var ended = _keys.Where(key => key.Ends <= server.Now).ToList();
        Assert.NotEmpty(ended);
        Assert.All(ended, key => Assert.Equal(["Keys end within 14 days", "Keys end within 7 days", "Keys end within a day"], told[key.Name]));
        Assert.All(told, key => Assert.Equal(key.Distinct().Count(), key.Count()));
    }

    private static async Task<int> StatusAsync(TestServer server, string bearer) => (await server.GetAsync("/api/v1/me", bearer)).Status;

    private static Task<IReadOnlyList<(string Table, int Rows)>> CountAsync(TestServer server) => server.QueryAsync<IReadOnlyList<(string, int)>>(async database =>
    {
        await database.Database.OpenConnectionAsync();
        var counts = new List<(string, int)>();
        foreach (var table in database.Model.GetEntityTypes().Select(type => type.GetTableName()).OfType<string>().Distinct())
        {
            await using var command = database.Database.GetDbConnection().CreateCommand();
#pragma warning disable CA2100 // Table names of our own model.
            command.CommandText = $"SELECT COUNT(*) FROM \"{table}\"";
#pragma warning restore CA2100
            counts.Add((table, Convert.ToInt32(await command.ExecuteScalarAsync(), CultureInfo.InvariantCulture)));
        }

        return counts;
    });
}
