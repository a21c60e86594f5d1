using System.Text;
using Activate.Identity.Data;
using Activate.Identity.Data.Mail;
using Activate.Identity.Server.Mail;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Activate.Identity.Server.Tests.Mail;

/// <summary>What becomes of mail: a real server, and a mail server that behaves and does not.</summary>
[Trait("Database", "Differs")]
public class MailSenderTests
{
    private static Task<TestServer> StartAsync(MailServer mail, int nodes = 1, DatabaseProvider? database = null, string security = "None") =>
        TestServer.StartAsync(new TestServerOptions { FakeClock = true, Nodes = nodes, Database = database ?? TestDatabases.Chosen, Settings = new Dictionary<string, string?>(mail.Settings) { ["Mail:Security"] = security } });

    private static Task SendAsync(TestServer server, int node = 0) => server.Services(node).GetRequiredService<MailSender>().SendAsync(CancellationToken.None);

    private static Task<List<MailMessage>> WaitingAsync(TestServer server) => server.QueryAsync(database => database.MailMessages.AsNoTracking().OrderBy(m => m.Id).ToListAsync());

    /// <summary>Makes an API key, whose owner is told.</summary>
    private static async Task MakeKeyAsync(TestServer server, string name = "nightly")
    {
        var owner = await server.QueryAsync(database => database.Users.AsNoTracking().SingleAsync(u => u.UserName == TestServer.OwnerName));
        await server.CreateApiKeyAsync(await server.GrantAsync(owner.Id), name);
    }

    [Fact]
    [Trait("Case", "L3")]
    [Trait("Case", "L7")]
    public async Task A_mail_is_text_and_html_with_encoded_headers_and_is_deleted_once_it_is_taken()
    {
        await using var mail = new MailServer();
        await using var server = await StartAsync(mail);
        await MakeKeyAsync(server, "Zürich <b>“7”</b>");
        await SendAsync(server);
        await server.AllMailSentAsync();
        var taken = Assert.Single(mail.Mails);
        Assert.Equal(("New API key", "ada@example.test", "id@example.test"), (taken.Subject, taken.To.Mailboxes.Single().Address, taken.From.Mailboxes.Single().Address));
        Assert.EndsWith("@localhost", taken.MessageId, StringComparison.Ordinal);
        Assert.Equal("auto-generated", taken.Headers["Auto-Submitted"]);
        Assert.Contains("Key: Zürich <b>“7”</b>\n", taken.TextBody!.ReplaceLineEndings("\n"), StringComparison.Ordinal);
        Assert.Contains("When: 2026-11-24 08:00 UTC", taken.TextBody, StringComparison.Ordinal);
        Assert.Contains("From: 127.0.0.1", taken.TextBody, StringComparison.Ordinal);
        Assert.DoesNotContain("<b>", taken.HtmlBody, StringComparison.Ordinal);
        Assert.Contains("Z&#xFC;rich", taken.HtmlBody, StringComparison.Ordinal);
    }

    [Theory]
    [Trait("Case", "F12")]
    [InlineData(MailServerMood.Hangs, "did not answer in time")]
    [InlineData(MailServerMood.RefusesRecipients, "answered 550")]
    [InlineData(MailServerMood.Untrusted, "certificate is not trusted")]
    [InlineData(MailServerMood.HangsUp, "the conversation with the mail server broke")]
    public async Task Trouble_with_the_mail_server_delays_no_request_and_the_mail_is_sent_when_it_is_over(MailServerMood mood, string why)
    {
        await using var mail = new MailServer { Mood = mood };
        await using var server = await StartAsync(mail, security: mood == MailServerMood.Untrusted ? "StartTls" : "None");
        await MakeKeyAsync(server);
        var sending = SendAsync(server);
        // Somebody makes another key meanwhile: the answer does not wait.
        await MakeKeyAsync(server, "second");
        while (!sending.IsCompleted)
        {
            await Task.Delay(20);
            server.Clock!.Advance(TimeSpan.FromSeconds(10));
        }

        await sending;
        var waiting = await WaitingAsync(server);
        Assert.Equal(2, waiting.Count);
        Assert.Contains(waiting, message => message.Attempts > 0);
        Assert.Empty(mail.Mails);
        Assert.Contains(server.Logs.Lines, line => line.Contains(why, StringComparison.Ordinal));
        Assert.DoesNotContain(server.Logs.Lines, line => line.Contains(TestServer.OwnerEmail, StringComparison.Ordinal));

        if (mood == MailServerMood.Untrusted)
            return;
        mail.Mood = MailServerMood.Takes;
        while (mail.Mails.Count < 2)
        {
            server.Clock!.Advance(TimeSpan.FromMinutes(1));
            await SendAsync(server);
        }

        Assert.Equal(waiting.Select(message => $"{message.Id:N}@localhost").Order(), mail.Mails.Select(m => m.MessageId).Order());
        Assert.Empty(await WaitingAsync(server));
    }

    [Fact]
    [Trait("Case", "F12")]
    public async Task A_mail_that_nobody_takes_is_tried_less_and_less_often_and_given_up_after_two_days()
    {
        await using var mail = new MailServer { Mood = MailServerMood.RefusesRecipients };
        await using var server = await StartAsync(mail);
        await MakeKeyAsync(server);
        var rounds = 0;
        while ((await WaitingAsync(server)) is [var message])
        {
            if (message.DueAt > server.Now)
                server.Clock!.Advance(message.DueAt - server.Now);
            await SendAsync(server);
            Assert.True(++rounds < 200, "It is tried for ever.");
        }

        Assert.InRange(rounds, 30, 120);
        Assert.InRange(mail.Connections, 30, 120);
        Assert.Contains(server.Logs.Lines, line => line.Contains("is given up after", StringComparison.Ordinal));
        Assert.DoesNotContain(server.Logs.Lines, line => line.Contains(TestServer.OwnerEmail, StringComparison.Ordinal));
    }

    [Theory]
    [EachDatabase]
    [Trait("Case", "L7")]
    public async Task Two_nodes_send_each_mail_once(DatabaseProvider database)
    {
        await using var mail = new MailServer();
        await using var server = await StartAsync(mail, nodes: 2, database: database);
        for (var i = 0; i < 12; i++)
            await MakeKeyAsync(server, $"key {i}");
        await Task.WhenAll(SendAsync(server, 0), SendAsync(server, 1));
        await server.AllMailSentAsync();
        Assert.Equal(12, mail.Mails.Count);
        Assert.Equal(12, mail.Mails.Select(m => m.MessageId).Distinct().Count());
    }

    [Fact]
    public async Task What_a_node_that_died_had_taken_is_sent_by_another_and_twice_at_worst_under_the_same_id()
    {
        await using var mail = new MailServer { Mood = MailServerMood.TakesSilently };
        await using var server = await StartAsync(mail);
        await MakeKeyAsync(server);
        await SendAsync(server);
        var waiting = Assert.Single(await WaitingAsync(server));
        Assert.True(waiting.Attempts >= 1 && waiting.DueAt > server.Now, "It is leased, or put back.");
        mail.Mood = MailServerMood.Takes;
        // Killed between the lease and the answer: nobody puts it back, it is due again by itself.
        var lease = server.Now.AddMinutes(3);
        await server.QueryAsync(database => database.MailMessages.ExecuteUpdateAsync(set => set.SetProperty(m => m.DueAt, lease)));
        server.Clock!.Advance(TimeSpan.FromMinutes(2));
        await SendAsync(server);
        Assert.Single(mail.Mails);
        server.Clock.Advance(TimeSpan.FromMinutes(1));
        await SendAsync(server);
        await server.AllMailSentAsync();
        Assert.Equal(2, mail.Mails.Count);
        Assert.Single(mail.Mails.Select(m => m.MessageId).Distinct());
    }

    [Fact]
    [Trait("Case", "L1")]
    public async Task Codes_and_addresses_lie_nowhere_readable_and_reach_no_log()
    {
        await using var mail = new MailServer { Mood = MailServerMood.RefusesRecipients };
        await using var server = await StartAsync(mail);
        await server.QueryAsync(database => database.Users.Where(u => u.UserName == TestServer.OwnerName).ExecuteUpdateAsync(set => set.SetProperty(u => u.EmailConfirmed, true)));
        using var browser = server.Browser();
        await browser.GoAsync("/forgot-password");
        await browser.SubmitAsync("Mail me a link", ("Account", TestServer.OwnerName));
        while (!(await WaitingAsync(server)).Any(m => m.Kind == MailKind.Letter))
            await SendAsync(server);
        Assert.DoesNotContain("reset-password?code", await server.DumpStorageAsync(), StringComparison.Ordinal);
        Assert.All(await WaitingAsync(server), message => Assert.DoesNotContain("ada@", Encoding.Latin1.GetString(message.Content), StringComparison.Ordinal));

        mail.Mood = MailServerMood.Takes;
        while (mail.Mails.Count == 0)
        {
            server.Clock!.Advance(TimeSpan.FromMinutes(1));
            await SendAsync(server);
        }

        var code = server.LinkIn(mail.Mails[0])[^43..];
        await browser.GoAsync($"/reset-password?code={code}");
        await browser.SubmitAsync("Set password", ("Password", TestServer.UserPassword), ("Repeat", TestServer.UserPassword));
        Assert.Contains("Your new password is set", browser.PageText, StringComparison.Ordinal);
        Assert.DoesNotContain(code, await server.DumpStorageAsync(), StringComparison.Ordinal);
        Assert.DoesNotContain(server.Logs.Lines, line => line.Contains(code, StringComparison.Ordinal) || line.Contains(TestServer.OwnerEmail, StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_waited_until_it_was_worth_nothing_is_not_sent_any_more()
    {
        await using var mail = new MailServer { Mood = MailServerMood.RefusesRecipients };
        await using var server = await StartAsync(mail);
        await MakeKeyAsync(server);
        // Put back: nobody is about to send it just now.
        await SendAsync(server);
        var past = server.Now.AddHours(-1);
        await server.QueryAsync(database => database.MailMessages.ExecuteUpdateAsync(set => set.SetProperty(m => m.GiveUpAt, past).SetProperty(m => m.DueAt, past)));
        mail.Mood = MailServerMood.Takes;
        await SendAsync(server);
        await server.AllMailSentAsync();
        Assert.Empty(mail.Mails);
    }

    [Fact]
    public async Task Mail_goes_with_the_person_whom_it_is_for()
    {
        await using var mail = new MailServer { Mood = MailServerMood.RefusesRecipients };
        await using var server = await StartAsync(mail);
        var user = await server.AddUserAsync();
        await server.CreateApiKeyAsync(await server.GrantAsync(user.Id), "nightly");
        Assert.NotEmpty(await WaitingAsync(server));
        await server.QueryAsync(database => database.Users.Where(u => u.Id == user.Id).ExecuteDeleteAsync());
        Assert.Empty(await WaitingAsync(server));
    }

    [Fact]
    public async Task Without_mail_nothing_is_written_and_no_page_claims_otherwise()
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions
        {
            Customize = builder => builder.Services.AddSingleton(new MailSettings { From = (null, "id@example.test") }),
        });
        using var browser = await server.SignInAsync();
        await MakeKeyAsync(server);
        await browser.GoAsync("/organization/members/invite");
        await browser.SubmitAsync("Invite", ("Username", "grace"), ("Email", "grace@example.test"));
        Assert.Contains("This server sends no mail: hand the link over yourself", browser.PageText, StringComparison.Ordinal);
        await browser.GoAsync("/account/profile/email");
        Assert.Contains("This server sends no mail", browser.PageText, StringComparison.Ordinal);
        await browser.GoAsync("/account/profile");
        Assert.DoesNotContain("Confirm", browser.PageText, StringComparison.Ordinal);
        using var nobody = server.Browser();
        await nobody.GoAsync("/sign-in");
        Assert.DoesNotContain("Forgotten password", nobody.PageText, StringComparison.Ordinal);
        await nobody.GoAsync("/forgot-password");
        Assert.Contains("Ask an administrator of your organization", nobody.PageText, StringComparison.Ordinal);
        Assert.Null(nobody.Page.QuerySelector("form"));
        Assert.Empty(await WaitingAsync(server));
        Assert.Empty(server.MailTo("grace@example.test"));
    }
}
