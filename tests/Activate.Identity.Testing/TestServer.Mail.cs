using System.Text.RegularExpressions;
using Microsoft.EntityFrameworkCore;
using MimeKit;
using Xunit;

namespace Activate.Identity.Testing;

/// <summary>The mailboxes: without a mail server, mails are files in the data folder.</summary>
public sealed partial class TestServer
{
    /// <summary>What was mailed to somebody so far, oldest first.</summary>
    public IReadOnlyList<MimeMessage> MailTo(string address) => Directory.Exists(MailFolder)
        ? [.. Directory.GetFiles(MailFolder, "*.eml").Order(StringComparer.Ordinal).Select(file => MimeMessage.Load(file)).Where(mail => mail.To.Mailboxes.Any(to => to.Address == address))]
        : [];

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

    /// <summary>Where the link of a mail leads, without the origin, which is checked.</summary>
    public string LinkIn(MimeMessage mail)
    {
        var link = Regex.Match(mail.TextBody, @"^https?://\S+$", RegexOptions.Multiline);
        Assert.True(link.Success, mail.TextBody);
        var address = new Uri(link.Value.Trim());
        Assert.Equal(Origin.GetLeftPart(UriPartial.Authority), address.GetLeftPart(UriPartial.Authority));
        return address.PathAndQuery;
    }

    private string MailFolder => Path.Combine(_folder, "mail");
}
