using System.Net.Security;
using MailKit.Net.Smtp;
using MailKit.Security;
using MimeKit;

namespace Activate.Identity.Server.Mail;

/// <summary>Where mails go: to a mail server, or in Development into a folder.</summary>
internal interface IMailTransport
{
    /// <summary>One connection for several mails.</summary>
    Task<IMailConnection> OpenAsync(CancellationToken cancellationToken);
}

internal interface IMailConnection : IAsyncDisposable
{
    /// <summary>False: nothing can be sent over it any more.</summary>
    bool IsOpen { get; }

    Task SendAsync(MimeMessage message, CancellationToken cancellationToken);
}

internal sealed class SmtpTransport(MailSettings settings) : IMailTransport
{
    public async Task<IMailConnection> OpenAsync(CancellationToken cancellationToken)
    {
        var client = new SmtpClient
        {
            // The system's own judgement. (MailKit's takes some providers' certificates that have expired.)
            ServerCertificateValidationCallback = (_, _, _, errors) => errors == SslPolicyErrors.None,
            // Relays within an organization have certificates of its own authority, and often no way out to ask about them.
            CheckCertificateRevocation = false,
        };
        try
        {
            await client.ConnectAsync(settings.Host!, settings.Port, settings.Security switch
            {
                MailSecurity.StartTls => SecureSocketOptions.StartTls,
                MailSecurity.Tls => SecureSocketOptions.SslOnConnect,
                MailSecurity.None => SecureSocketOptions.None,
            }, cancellationToken);
            if (settings.Username is not null)
                await client.AuthenticateAsync(settings.Username, settings.Password!, cancellationToken);
            return new Connection(client);
        }
        catch
        {
            client.Dispose();
            throw;
        }
    }

    private sealed class Connection(SmtpClient client) : IMailConnection
    {
        public bool IsOpen => client.IsConnected;

        public Task SendAsync(MimeMessage message, CancellationToken cancellationToken) => client.SendAsync(message, cancellationToken);

        /// <summary>Without a QUIT: a server that hangs would be waited for, and what it took it has.</summary>
        public ValueTask DisposeAsync()
        {
            client.Dispose();
            return ValueTask.CompletedTask;
        }
    }
}

/// <summary>In Development: each mail a file, to be opened by any mail program. Whoever reads the folder has the links, so only we may.</summary>
internal sealed class FolderTransport(string folder) : IMailTransport, IMailConnection
{
    public bool IsOpen => true;

    public Task<IMailConnection> OpenAsync(CancellationToken cancellationToken)
    {
        if (OperatingSystem.IsWindows())
            Directory.CreateDirectory(folder);
        else
            Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return Task.FromResult<IMailConnection>(this);
    }

    public async Task SendAsync(MimeMessage message, CancellationToken cancellationToken)
    {
        var name = Path.Combine(folder, $"{message.Date.UtcDateTime:yyyyMMdd'T'HHmmss}-{message.MessageId!.Split('@')[0]}");
        await message.WriteToAsync($"{name}.part", cancellationToken);
        File.Move($"{name}.part", $"{name}.eml", overwrite: true);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
