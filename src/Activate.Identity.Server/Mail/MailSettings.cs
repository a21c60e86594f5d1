using System.Net;
using Activate.Identity.Server.Web;
using MimeKit;

namespace Activate.Identity.Server.Mail;

/// <summary>How the connection to the mail server is protected.</summary>
public enum MailSecurity
{
    /// <summary>Plain at first, TLS before anything is said (RFC 3207); a server that does not offer it is left again.</summary>
    StartTls,
    /// <summary>TLS from the first byte (RFC 8314 §3.3).</summary>
    Tls,
    None,
}

/// <summary>Section <c>Mail</c>, read and judged at start.</summary>
public sealed record MailSettings
{
    /// <summary>Null: no mail server.</summary>
    public string? Host { get; init; }
    public int Port { get; init; }
    public string? Username { get; init; }
    public string? Password { get; init; }
    /// <summary>Not in MimeKit's words, which a server without mail need not load.</summary>
    public required (string? Name, string Address) From { get; init; }
    public MailSecurity Security { get; init; }
    /// <summary>Where mails are put as files instead, in Development; null: nowhere.</summary>
    public string? Folder { get; init; }

    /// <summary>Whether mails are written at all. What says that one is on its way asks here first.</summary>
    public bool IsOn => Host is not null || Folder is not null;

    /// <summary>Holds a password: not to be printed.</summary>
    public override string ToString() => nameof(MailSettings);

    /// <exception cref="StartupException">The settings break a rule; the message names it, and never holds the password.</exception>
    public static MailSettings Read(IConfiguration configuration, IHostEnvironment environment, PublicOrigin origin)
    {
        var section = configuration.GetSection("Mail");
        section.AllowOnly(nameof(Host), nameof(Port), nameof(Username), nameof(Password), nameof(From), nameof(Security));
        var (host, username, password) = (Text(section, nameof(Host)), Text(section, nameof(Username)), Text(section, nameof(Password)));
        if (host is null)
        {
            if (section.GetChildren().FirstOrDefault(setting => !string.IsNullOrEmpty(setting.Value)) is { } lonely)
                throw new StartupException($"{lonely.Path} is set, but not Mail:Host: no mail would be sent. Set it, e.g. smtp.example.org, or remove the others.");
            return new MailSettings
            {
                From = ("ACTIVATE", $"activate@{origin.Uri.IdnHost}"),
                Folder = environment.IsDevelopment() ? Path.GetFullPath(Path.Combine(configuration["Data:Folder"] ?? "data", "mail"), environment.ContentRootPath) : null,
            };
        }

        if (Uri.CheckHostName(host) == UriHostNameType.Unknown)
            throw new StartupException($"Mail:Host is '{host}'. It is the name or address of a mail server, e.g. smtp.example.org; the port has a setting of its own.");
        if (Text(section, nameof(From)) is not { } from)
            throw new StartupException("Mail:From is not set. It is the address that mails come from, e.g. ACTIVATE <id@example.org>.");
        if (ParseSender(from) is not { } sender)
            throw new StartupException($"Mail:From is '{from}'. It is one address, e.g. id@example.org or ACTIVATE <id@example.org>.");
        if (username is null != password is null)
            throw new StartupException("Mail:Username and Mail:Password go together: set both, or neither.");
        var security = section.Choice(nameof(Security), MailSecurity.StartTls);
        // Mails hold links that set passwords: they do not cross a network in the clear, and neither does our password.
        if (security == MailSecurity.None && !IsLoopback(host) && (environment.IsProduction() || username is not null))
            throw new StartupException($"Mail:Security is None, and {host} is not this machine: links that set passwords would cross the network in the clear. Use StartTls or Tls, or a relay on this machine.");
        return new MailSettings
        {
            Host = host,
            Port = section.Limit(nameof(Port), largest: 65535) ?? security switch { MailSecurity.StartTls => 587, MailSecurity.Tls => 465, MailSecurity.None => 25 },
            Username = username,
            Password = password,
            From = sender,
            Security = security,
        };
    }

    private static string? Text(IConfigurationSection section, string key) => string.IsNullOrWhiteSpace(section[key]) ? null : section[key]!.Trim();

    private static (string? Name, string Address)? ParseSender(string from) =>
        MailboxAddress.TryParse(from, out var sender) && Core.Accounts.EmailAddress.Parse(sender.Address).TryGet(out _, out _) ? (sender.Name, sender.Address) : null;

    private static bool IsLoopback(string host) => host == "localhost" || (IPAddress.TryParse(host, out var address) && IPAddress.IsLoopback(address));
}
