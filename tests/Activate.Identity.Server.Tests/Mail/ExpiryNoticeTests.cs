using Activate.Identity.Data;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Server.Mail;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Server.Tests.Members;
using Activate.Identity.Server.Tests.Organizations;
using Activate.Identity.Server.Tests.SshKeys;
using Activate.Identity.Server.Web;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Activate.Identity.Server.Tests.Mail;

[Trait("Case", "L7")]
public class ExpiryNoticeTests
{
    private static Task WriteAsync(TestServer server, int node = 0) => server.Services(node).GetRequiredService<ExpiryNotices>().WriteAsync(CancellationToken.None);

    /// <summary>The notices somebody has got so far.</summary>
    private static async Task<List<string>> NoticesAsync(TestServer server, User user)
    {
        await WriteAsync(server);
        await server.AllMailSentAsync();
        return [.. server.MailTo($"{user.UserName}@example.test").Select(mail => mail.Subject!).Where(subject => subject.StartsWith("Keys end", StringComparison.Ordinal))];
    }

    private static async Task AddSshKeyAsync(TestServer server, string session, string name, int days) =>
        Assert.Equal(201, (await server.PostAsync("/api/v1/ssh-keys", session, new { name, publicKey = SshTestKeys.Ed25519(), expiresInDays = days })).Status);

    [Fact]
    public async Task Fourteen_seven_and_one_days_before_the_end_its_owner_is_told_once_each()
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { FakeClock = true });
        var user = await server.AddUserAsync();
        async Task<string> SessionAsync() => await server.GrantAsync(user.Id);
        await server.CreateApiKeyAsync(await SessionAsync(), "thirty", new { name = "thirty", expiresInDays = 30 });
        await AddSshKeyAsync(server, await SessionAsync(), "laptop", 30);
        await server.CreateApiKeyAsync(await SessionAsync(), "endless", new { name = "endless", expiresInDays = (int?)null });
        Assert.Empty(await NoticesAsync(server, user));
        server.Clock!.Advance(TimeSpan.FromDays(16) - TimeSpan.FromSeconds(1));
        Assert.Empty(await NoticesAsync(server, user));
        server.Clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(["Keys end within 14 days"], await NoticesAsync(server, user));
        var mail = server.MailTo($"{user.UserName}@example.test").Single(mail => mail.Subject == "Keys end within 14 days");
        Assert.Contains("API key “thirty”: ends 2026-12-24 08:00 UTC", mail.TextBody, StringComparison.Ordinal);
        Assert.Contains("SSH key “laptop”: ends 2026-12-24 08:00 UTC", mail.TextBody, StringComparison.Ordinal);
        Assert.DoesNotContain("endless", mail.TextBody, StringComparison.Ordinal);
        server.Clock.Advance(TimeSpan.FromDays(6));
        Assert.Single(await NoticesAsync(server, user));
        server.Clock.Advance(TimeSpan.FromDays(1));
        Assert.Equal(["Keys end within 14 days", "Keys end within 7 days"], await NoticesAsync(server, user));
        server.Clock.Advance(TimeSpan.FromDays(6));
        Assert.Equal(["Keys end within 14 days", "Keys end within 7 days", "Keys end within a day"], await NoticesAsync(server, user));
        server.Clock.Advance(TimeSpan.FromDays(2));
        Assert.Equal(3, (await NoticesAsync(server, user)).Count);
        // Nothing of it is kept.
        await server.Services().GetRequiredService<ExpiredRows>().DeleteAsync(CancellationToken.None);
        Assert.False(await server.QueryAsync(database => database.ExpiryNotices.AnyAsync()));
    }

    [Fact]
    public async Task A_key_of_fewer_days_than_a_stage_is_not_told_of_by_it_and_whoever_was_away_hears_the_nearest_only()
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { FakeClock = true });
        var user = await server.AddUserAsync();
        await server.CreateApiKeyAsync(await server.GrantAsync(user.Id), "week", new { name = "week", expiresInDays = 7 });
        Assert.Empty(await NoticesAsync(server, user));
        server.Clock!.Advance(TimeSpan.FromDays(6));
        Assert.Equal(["Keys end within a day"], await NoticesAsync(server, user));
        var other = await server.AddUserAsync();
        await server.CreateApiKeyAsync(await server.GrantAsync(other.Id), "month", new { name = "month", expiresInDays = 30 });
        server.Clock.Advance(TimeSpan.FromDays(25));
        Assert.Equal(["Keys end within 7 days"], await NoticesAsync(server, other));
    }

    [Fact]
    public async Task A_cut_that_moves_the_end_is_told_of_once_its_rows_are_written()
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { FakeClock = true });
        var (organization, user, session) = await server.AddOrganizationAsync();
        await server.CreateApiKeyAsync(session, "endless", new { name = "endless", expiresInDays = (int?)null });
        server.Clock!.Advance(TimeSpan.FromDays(20));
        session = await server.GrantAsync(user.Id);
        Assert.Equal(200, (await server.SetPolicyAsync(session, new { apiKeys = new { maximumDays = 30 } }, mode: "shorten")).Status);
        Assert.Empty(await NoticesAsync(server, user));
        server.Clock.Advance(TimeSpan.FromMinutes(3));
        await server.RewriteCutsAsync();
        Assert.Equal(["Keys end within 14 days"], await NoticesAsync(server, user));
        Assert.Contains("2026-12-24 08:00 UTC", server.MailTo($"{user.UserName}@example.test")[^1].TextBody, StringComparison.Ordinal);
        Assert.NotEqual(Guid.Empty, organization.Id);
    }

    [Fact]
    public async Task Keepers_are_told_of_the_keys_of_their_service_accounts_and_administrators_of_those_of_clusters()
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { FakeClock = true });
        var (_, owner, session) = await server.AddOrganizationAsync();
        var (first, second) = (await server.AddUserAsync(organizationId: owner.OrganizationId), await server.AddUserAsync(organizationId: owner.OrganizationId));
        Assert.Equal(200, (await server.SetPolicyAsync(session, new { apiKeys = new { maximumDays = 30 } })).Status);
        var account = await server.PostAsync("/api/v1/organization/service-accounts", session, new { username = MemberCalls.NewName("robot"), description = "copies results", keepers = new[] { first.UserName, second.UserName } });
        Assert.Equal(201, (await server.PostAsync($"/api/v1/organization/service-accounts/{account.Text("id")}/api-keys", session, new { name = "copy", scopes = new[] { "platform" }, expiresInDays = 30 })).Status);
        Assert.Equal(201, (await server.PostAsync("/api/v1/organization/clusters", session, new { name = MemberCalls.NewName("cluster"), address = "login.example.test", access = new { mode = "everyone" } })).Status);
        server.Clock!.Advance(TimeSpan.FromDays(16));
        foreach (var person in (User[])[first, second, owner])
            Assert.Equal(["Keys end within 14 days"], await NoticesAsync(server, person));
        Assert.Contains($"Account: {account.Text("username")}", server.MailTo($"{first.UserName}@example.test")[^1].TextBody, StringComparison.Ordinal);
    }

    [Theory]
    [EachDatabase]
    public async Task Two_nodes_that_look_at_once_tell_once_and_miss_nothing(DatabaseProvider database)
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { FakeClock = true, Nodes = 2, Database = database });
        var users = new List<User>();
        for (var i = 0; i < 8; i++)
        {
            users.Add(await server.AddUserAsync());
            await server.CreateApiKeyAsync(await server.GrantAsync(users[^1].Id), "thirty", new { name = "thirty", expiresInDays = 30 });
        }

        server.Clock!.Advance(TimeSpan.FromDays(17));
        await Task.WhenAll(WriteAsync(server, 0), WriteAsync(server, 1), WriteAsync(server, 0), WriteAsync(server, 1));
        foreach (var user in users)
            Assert.Equal(["Keys end within 14 days"], await NoticesAsync(server, user));
    }
}
