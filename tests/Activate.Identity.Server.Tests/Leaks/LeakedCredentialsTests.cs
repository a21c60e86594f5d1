using System.Net.Http;
using System.Text;
using Activate.Identity.Core.ApiKeys;
using Activate.Identity.Data;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;
using static Activate.Identity.Server.Tests.ApiKeys.ApiCalls;

namespace Activate.Identity.Server.Tests.Leaks;

[Trait("Case", "K14")]
public class LeakedCredentialsTests(ClockedServer fixture) : IClassFixture<ClockedServer>
{
    private const string Path = "/api/v1/leaked-credentials";
    private const string Me = "/api/v1/me";
    private readonly TestServer _server = fixture.Server;

    private Task<Answer> ReportAsync(params string?[] credentials) => _server.PostAsync(Path, null, new { credentials });

    /// <summary>The work is done after the answer.</summary>
    private async Task<AuditEvent> EventAsync(string type, Guid subject)
    {
        for (var i = 0; i < 600; i++)
        {
            if (await _server.QueryAsync(database => database.AuditEvents.AsNoTracking().Include(e => e.Words).FirstOrDefaultAsync(e => e.Type == type && e.SubjectId == subject)) is { } e)
                return e;
            await Task.Delay(100);
        }

        throw new InvalidOperationException($"No {type} within a minute.");
    }

    [Fact]
    public async Task A_reported_key_ends_its_owner_is_told_and_the_reporter_learns_nothing()
    {
        var user = await _server.CreateUserAsync("leaky");
        var session = await _server.GrantAsync(user.Id);
        var key = await _server.CreateApiKeyAsync(session, "nightly");
        var other = await _server.CreateApiKeyAsync(session, "other");
        Assert.Equal(200, (await _server.GetAsync(Me, key.Key)).Status);

        var genuine = await ReportAsync(key.Key);
        var e = await EventAsync(AuditTypes.ApiKeyLeaked, Guid.Parse(key.Id));
        (await _server.GetAsync(Me, key.Key)).AssertProblem(401, "invalid_credential");
        Assert.Equal(200, (await _server.GetAsync(Me, other.Key)).Status);
        Assert.Equal((user.OrganizationId, user.Id, null, "127.0.0.1", "nightly"), (e.OrganizationId!.Value, e.OwnerId!.Value, e.ActorId, e.Address, e.Words!.Text));
        // The same answer for a key that never was, for one that ended, and for nonsense.
        foreach (var answer in (Answer[])[genuine, await ReportAsync(ApiKeySecret.Generate(_server.Origin).Reveal()), await ReportAsync(key.Key), await ReportAsync("nonsense", "", "eyJ", "pwt_\0", null), await ReportAsync()])
            Assert.Equal((202, "", "no-store"), (answer.Status, answer.Body, answer.Header("Cache-Control")));

        using var browser = await _server.SignInAsync(username: "leaky", password: TestServer.UserPassword);
        await browser.GoAsync("/account/authentication/api-keys");
        Assert.Contains("Your API key “nightly” was found in a place where others can read it", browser.PageText, StringComparison.Ordinal);
        using var stranger = await _server.SignInAsync();
        await stranger.GoAsync("/account/authentication/api-keys");
        Assert.DoesNotContain("was found in a place", stranger.PageText, StringComparison.Ordinal);
        _server.Logs.Lines.ToList().ForEach(line => Assert.DoesNotContain(key.Key, line, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_key_of_somebody_who_is_disabled_ends_too()
    {
        var (user, session) = await _server.AddPersonAsync();
        var key = await _server.CreateApiKeyAsync(session, "sleeping");
        await _server.SetDisabledAsync(user.UserName!);
        await ReportAsync($" {key.Key}\n");
        await EventAsync(AuditTypes.ApiKeyLeaked, Guid.Parse(key.Id));
        await _server.SetDisabledAsync(user.UserName!, false);
        _server.Clock!.Advance(TimeSpan.FromSeconds(1));
        (await _server.GetAsync(Me, key.Key)).AssertProblem(401);
    }

    [Fact]
    public async Task Of_a_rotated_key_only_the_secret_that_leaked_ends()
    {
        var (_, session) = await _server.AddPersonAsync();
        var old = await _server.CreateApiKeyAsync(session, "rotated");
        var fresh = (await _server.PostAsync($"{KeysPath}/{old.Id}/rotate", session)).Text("key");
        Assert.Equal(200, (await _server.GetAsync(Me, old.Key)).Status);
        await ReportAsync(old.Key);
        await EventAsync(AuditTypes.ApiKeyLeaked, Guid.Parse(old.Id));
        (await _server.GetAsync(Me, old.Key)).AssertProblem(401);
        Assert.Equal(200, (await _server.GetAsync(Me, fresh)).Status);
        // The rotation is over: the next may begin.
        Assert.Equal(200, (await _server.PostAsync($"{KeysPath}/{old.Id}/rotate", session)).Status);
    }

    [Fact]
    public async Task Generated_tokens_and_device_logins_end_as_well()
    {
        var (user, session) = await _server.AddPersonAsync();
        var token = await _server.PostAsync("/api/v1/tokens", session, new { name = "pasted" });
        var grant = await _server.QueryAsync(database => database.TokenGrants.SingleAsync(g => g.OwnerId == user.Id && g.Kind == Core.Credentials.CredentialKind.Session));
        await ReportAsync(token.Text("token"), session);
        await EventAsync(AuditTypes.TokenLeaked, Guid.Parse(token.Text("id")));
        await EventAsync(AuditTypes.SessionLeaked, grant.Id);
        (await _server.GetAsync(Me, token.Text("token"))).AssertProblem(401);
        (await _server.GetAsync(Me, session)).AssertProblem(401);
    }

    [Fact]
    public async Task A_client_secret_goes_on_working_and_the_log_says_to_rotate_it()
    {
        var (_, session) = await _server.AddPersonAsync(Core.Organizations.Role.Admin);
        var application = await _server.PostAsync("/api/v1/organization/applications", session, new { name = "Leaky API", type = "resourceServer", resources = new[] { "https://leaky.example.test" } });
        Assert.True(application.Status == 201, application.ToString());
        for (var i = 0; i < 2; i++)
            await ReportAsync(application.Text("clientSecret"));
        var e = await EventAsync(AuditTypes.ApplicationSecretLeaked, Guid.Parse(application.Text("id")));
        Assert.Contains("rotate it", e.Detail, StringComparison.Ordinal);
        Assert.Equal(200, (await _server.IntrospectAsync(application.Text("clientId"), application.Text("clientSecret"), "x")).Status);
    }

    [Fact]
    public async Task What_is_no_report_is_refused_without_a_word_about_credentials()
    {
        (await ReportAsync([.. Enumerable.Repeat("x", 101)])).AssertProblem(400, "too_many_credentials", "credentials");
        (await _server.PostAsync(Path, null, new { })).AssertProblem(400);
        (await _server.PostAsync(Path, null, new { credentials = "x" })).AssertProblem(400);
        using var client = _server.Client();
        var large = await Answer.FromAsync(await client.PostAsync(Path, new StringContent($$"""{"credentials":["{{new string('x', 300_000)}}"]}""", Encoding.UTF8, "application/json")));
        Assert.Equal(413, large.Status);
    }

    [Fact]
    [Trait("Nodes", "One")]
    public async Task One_address_may_send_so_many_a_minute_and_the_answer_says_when_to_go_on()
    {
        await using var server = await TestServer.StartAsync(new() { FakeClock = true });
        for (var i = 0; i < 60; i++)
            Assert.Equal(202, (await server.PostAsync(Path, null, new { credentials = new[] { "x" } })).Status);
        var full = await server.PostAsync(Path, null, new { credentials = new[] { "x" } });
        full.AssertProblem(429, "too_many_reports");
        Assert.Equal("60", full.Header("Retry-After"));
        server.Clock!.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(202, (await server.PostAsync(Path, null, new { credentials = new[] { "x" } })).Status);
    }

    [Fact]
    public async Task On_PostgreSQL_of_the_same_key_reported_twenty_times_at_once_one_event_tells()
    {
        await using var server = await TestServer.StartAsync(new() { Database = TestDatabases.OnAServer, Nodes = 2 });
        var (_, session) = await server.AddPersonAsync();
        var key = await server.CreateApiKeyAsync(session, "everywhere");
        var last = await server.CreateApiKeyAsync(session, "last");
        await TogetherAsync(20, i => server.PostAsync(Path, null, new { credentials = new[] { key.Key } }, node: i % 2));
        foreach (var node in (int[])[0, 1])
            await server.PostAsync(Path, null, new { credentials = new[] { last.Key } }, node);
        // Each node works on one after the other: when both have come to the last, all are done.
        for (var i = 0; i < 600 && !await server.QueryAsync(database => database.AuditEvents.AnyAsync(e => e.Type == AuditTypes.ApiKeyLeaked && e.SubjectId == Guid.Parse(last.Id))); i++)
            await Task.Delay(100);
        Assert.Equal(1, await server.QueryAsync(database => database.AuditEvents.CountAsync(e => e.Type == AuditTypes.ApiKeyLeaked && e.SubjectId == Guid.Parse(key.Id))));
    }
}
