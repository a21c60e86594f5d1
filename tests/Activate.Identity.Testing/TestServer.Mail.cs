using Microsoft.EntityFrameworkCore;
using MimeKit;
using Xunit;

namespace Activate.Identity.Testing;

/// <summary>What people are mailed.</summary>
public sealed partial class TestServer
{
    private MailFolder Mailboxes => new(Path.Combine(_folder, "mail"), Origin);

    /// <summary>What was mailed to somebody so far, oldest first.</summary>
    public IReadOnlyList<MimeMessage> MailTo(string address) => Mailboxes.To(address);

    /// <summary>Where the link of a mail leads.</summary>
    public string LinkIn(MimeMessage mail) => Mailboxes.LinkIn(mail);

    /// <summary>The newest mail to somebody about something; mails are sent after the answer, within seconds.</summary>
    public async Task<MimeMessage> MailedAsync(string address, string subject)
    {
        await AllMailSentAsync();
        var mails = MailTo(address);
        var mail = mails.LastOrDefault(mail => mail.Subject == subject);
        Assert.True(mail is not null, $"No mail '{subject}' to {address}, only {string.Join(", ", mails.Select(other => other.Subject))}.");
        return mail;
    }

    /// <summary>Waits until nothing waits to be sent.</summary>
    public async Task AllMailSentAsync()
    {
        for (var i = 0; i < 1200; i++)
        {
            if (!await QueryAsync(database => database.MailMessages.AnyAsync()))
                return;
            await Task.Delay(50);
        }

        throw new InvalidOperationException("Mail still waits after a minute.");
    }
}
