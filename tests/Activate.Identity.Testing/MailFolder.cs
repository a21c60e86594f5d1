using System.Text.RegularExpressions;
using MimeKit;
using Xunit;

namespace Activate.Identity.Testing;

/// <summary>The mailboxes of a server that has no mail server: each mail is a file.</summary>
/// <param name="path">The folder, which need not be there yet.</param>
/// <param name="origin">Where links have to lead.</param>
public sealed class MailFolder(string path, Uri origin)
{
    /// <summary>What was mailed to somebody so far, oldest first.</summary>
    public IReadOnlyList<MimeMessage> To(string address) => Directory.Exists(path)
        ? [.. Directory.GetFiles(path, "*.eml").OrderBy(File.GetLastWriteTimeUtc).Select(file => MimeMessage.Load(file)).Where(mail => mail.To.Mailboxes.Any(to => to.Address == address))]
        : [];

    /// <summary>Where the link of a mail leads, without the origin.</summary>
    public string LinkIn(MimeMessage mail)
    {
        var link = Regex.Match(mail.TextBody!, @"^https?://\S+", RegexOptions.Multiline);
        Assert.True(link.Success, $"No link in {mail.TextBody}");
        var address = new Uri(link.Value);
        Assert.Equal(origin.GetLeftPart(UriPartial.Authority), address.GetLeftPart(UriPartial.Authority));
        return address.PathAndQuery;
    }
}
