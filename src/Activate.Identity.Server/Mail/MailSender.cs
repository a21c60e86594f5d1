using System.Net.Sockets;
using Activate.Identity.Data;
using Activate.Identity.Data.Mail;
using Activate.Identity.Server.Accounts;
using Activate.Identity.Server.Telemetry;
using Activate.Identity.Server.Web;
using MailKit.Net.Smtp;
using MailKit.Security;
using Microsoft.EntityFrameworkCore;
using MimeKit;

namespace Activate.Identity.Server.Mail;

/// <summary>
/// Sends what waits, on every node. A mail is taken by one conditional UPDATE that makes it due again later, so no two nodes send it at a time, and one whose node dies is sent by another.
/// It is deleted once the mail server has taken it. Whoever dies between the two sends it twice: at least once, under the same Message-ID, by which mail programs know it.
/// Failures are tried again, with growing pauses, until the mail is worth nothing; what they say is told without addresses.
/// </summary>
internal sealed class MailSender(IServiceScopeFactory scopes, IMailTransport transport, MailSettings settings, MailContents contents, PublicOrigin origin, TimeProvider clock, ILogger<MailSender> logger)
    : BackgroundRounds(TimeSpan.FromSeconds(2), "Mail was not sent; the next round goes on", logger)
{
    /// <summary>Sent over one connection.</summary>
    private const int Most = 50;

    /// <summary>Longer than a mail's own time below, so that nobody else takes it meanwhile.</summary>
    private static readonly TimeSpan s_lease = TimeSpan.FromMinutes(3);

    private static readonly TimeSpan s_connecting = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan s_sending = TimeSpan.FromSeconds(60);

    /// <summary>After the mail server could not be reached, this node leaves it alone.</summary>
    private static readonly TimeSpan s_rest = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan s_longestPause = TimeSpan.FromHours(1);

    private readonly SemaphoreSlim _one = new(1);
    private DateTime _restsUntil;

    public override void Dispose()
    {
        _one.Dispose();
        base.Dispose();
    }

    protected override Task RoundAsync(CancellationToken cancellationToken) => SendAsync(cancellationToken);

    /// <summary>One round: all that is due now, as far as one connection goes.</summary>
    public async Task SendAsync(CancellationToken cancellationToken)
    {
        await _one.WaitAsync(cancellationToken);
        try
        {
            await SendDueAsync(cancellationToken);
        }
        catch (Exception exception) when (DatabaseFaults.IsUnavailable(exception))
        {
            // The round says so, and that once in a while is enough.
            _restsUntil = clock.GetUtcNow().UtcDateTime + s_rest;
            throw;
        }
        finally
        {
            _one.Release();
        }
    }

    private async Task SendDueAsync(CancellationToken cancellationToken)
    {
        var now = clock.GetUtcNow().UtcDateTime;
        if (!settings.IsOn || now < _restsUntil)
            return;
        await using var scope = scopes.CreateAsyncScope();
        var database = scope.ServiceProvider.GetRequiredService<ActivateDbContext>();
        var due = await database.MailMessages.AsNoTracking().Where(m => m.DueAt <= now).OrderBy(m => m.DueAt).Select(m => m.Id).Take(Most).ToListAsync(cancellationToken);
        IMailConnection? connection = null;
        try
        {
            foreach (var id in due)
            {
                if (await TakeAsync(database, id, cancellationToken) is not { } message)
                    continue;
                if (message.Kind == MailKind.PasswordReset)
                {
                    await scope.ServiceProvider.GetRequiredService<PasswordResets>().WriteAsync(message, contents.Unprotect<string>(message.Content), cancellationToken);
                    database.ChangeTracker.Clear();
                    continue;
                }

                if (message.GiveUpAt <= now)
                {
                    // No node ran in time: its link is dead, or its news is old.
                    logger.LogError("Mail {Mail} is given up: it waited until it was worth nothing", message.Id);
                    await DeleteAsync(database, message, cancellationToken);
                    continue;
                }

                if (contents.Unprotect<AddressedLetter>(message.Content) is not { } letter)
                {
                    logger.LogError("Mail {Mail} cannot be read: the key ring is another than when it was written. It is given up", message.Id);
                    await DeleteAsync(database, message, cancellationToken);
                    continue;
                }

                connection = await TrySendAsync(database, connection, message, letter, cancellationToken);
                if (connection is null)
                    return;
            }
        }
        finally
        {
            if (connection is not null)
                await connection.DisposeAsync();
        }
    }

    /// <summary>Null: the mail server is of no use just now.</summary>
    private async Task<IMailConnection?> TrySendAsync(ActivateDbContext database, IMailConnection? connection, MailMessage message, AddressedLetter letter, CancellationToken cancellationToken)
    {
        using var activity = ServerMeter.Activities.StartActivity("send mail");
        try
        {
            connection ??= await WithinAsync(s_connecting, transport.OpenAsync, cancellationToken);
            using var mime = Compose(message, letter);
            var open = connection;
            await WithinAsync(s_sending, async token =>
            {
                await open.SendAsync(mime, token);
                return true;
            }, cancellationToken);
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            await PutBackAsync(database, message, Reason(exception), cancellationToken);
            // The server has something against this mail, and takes others.
            if (exception is SmtpCommandException && connection is { IsOpen: true })
                return connection;
            _restsUntil = clock.GetUtcNow().UtcDateTime + s_rest;
            if (connection is not null)
                await connection.DisposeAsync();
            return null;
        }

        await DeleteAsync(database, message, cancellationToken);
        return connection;
    }

    /// <summary>Null: another node has it, or it was sent.</summary>
    private async Task<MailMessage?> TakeAsync(ActivateDbContext database, Guid id, CancellationToken cancellationToken)
    {
        var now = clock.GetUtcNow().UtcDateTime;
        var until = now + s_lease;
        return await database.MailMessages.Where(m => m.Id == id && m.DueAt <= now)
            .ExecuteUpdateAsync(set => set.SetProperty(m => m.DueAt, until).SetProperty(m => m.Attempts, m => m.Attempts + 1), cancellationToken) == 1
            ? await database.MailMessages.AsNoTracking().SingleOrDefaultAsync(m => m.Id == id && m.DueAt == until, cancellationToken)
            : null;
    }

    private async Task PutBackAsync(ActivateDbContext database, MailMessage message, string reason, CancellationToken cancellationToken)
    {
        var again = clock.GetUtcNow().UtcDateTime + Pause(message.Attempts);
        if (again >= message.GiveUpAt)
        {
            logger.LogError("Mail {Mail} is given up after {Attempts} attempts: {Reason}", message.Id, message.Attempts, reason);
            await DeleteAsync(database, message, cancellationToken);
            return;
        }

        logger.LogWarning("Mail {Mail} was not sent, attempt {Attempt}: {Reason}. It is tried again", message.Id, message.Attempts, reason);
        await Mine(database, message).ExecuteUpdateAsync(set => set.SetProperty(m => m.DueAt, again), cancellationToken);
    }

    /// <summary>30 s, 1 min, 2 min, … an hour.</summary>
    private static TimeSpan Pause(int attempts) => TimeSpan.FromTicks(Math.Min(s_longestPause.Ticks, TimeSpan.FromSeconds(15).Ticks << Math.Min(attempts, 10)));

    private static Task<int> DeleteAsync(ActivateDbContext database, MailMessage message, CancellationToken cancellationToken) => Mine(database, message).ExecuteDeleteAsync(cancellationToken);

    /// <summary>Unless the lease ran out, and somebody else took it.</summary>
    internal static IQueryable<MailMessage> Mine(ActivateDbContext database, MailMessage message) => database.MailMessages.Where(m => m.Id == message.Id && m.Attempts == message.Attempts);

    /// <summary>A mail server that hangs is given up.</summary>
    private async Task<T> WithinAsync<T>(TimeSpan time, Func<CancellationToken, Task<T>> work, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(time, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        return await work(either.Token);
    }

    private MimeMessage Compose(MailMessage message, AddressedLetter addressed)
    {
        var (letter, mime) = (addressed.Letter, new MimeMessage());
        mime.From.Add(new MailboxAddress(settings.From.Name, settings.From.Address));
        mime.To.Add(new MailboxAddress(null, addressed.Address));
        mime.Subject = letter.Subject;
        mime.Date = new DateTimeOffset(message.CreatedAt);
        mime.MessageId = $"{message.Id:N}@{origin.Uri.IdnHost}";
        // RFC 3834: nobody's absence note answers it.
        mime.Headers.Add(HeaderId.AutoSubmitted, "auto-generated");
        mime.Body = new BodyBuilder { TextBody = letter.ToText(), HtmlBody = letter.ToHtml() }.ToMessageBody();
        return mime;
    }

    /// <summary>What went wrong, in words of ours: what a mail server says holds addresses.</summary>
    internal static string Reason(Exception exception) => exception switch
    {
        SmtpCommandException command => $"the mail server answered {(int)command.StatusCode}",
        AuthenticationException => "the mail server refused Mail:Username and Mail:Password",
        SslHandshakeException => "the mail server's certificate is not trusted here, or TLS failed",
        NotSupportedException => "the mail server does not offer what Mail:Security or Mail:Username ask for",
        SocketException socket => $"the mail server cannot be reached ({socket.SocketErrorCode})",
        OperationCanceledException or TimeoutException => "the mail server did not answer in time",
        _ => $"the conversation with the mail server broke ({exception.GetType().Name})",
    };
}
