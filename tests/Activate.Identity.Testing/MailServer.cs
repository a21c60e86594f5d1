using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using MimeKit;

namespace Activate.Identity.Testing;

/// <summary>How a <see cref="MailServer"/> behaves.</summary>
public enum MailServerMood
{
    Takes,
    /// <summary>Accepts connections and says nothing.</summary>
    Hangs,
    /// <summary>Answers each recipient with 550, naming it, as mail servers do.</summary>
    RefusesRecipients,
    /// <summary>Offers TLS with a certificate that nobody trusts.</summary>
    Untrusted,
    /// <summary>Hangs up in the middle of a mail.</summary>
    HangsUp,
    /// <summary>Takes the mail, and hangs up before it says so: nobody knows whether it has it.</summary>
    TakesSilently,
}

/// <summary>A mail server on loopback that keeps what it is given (RFC 5321, as much as a client needs).</summary>
public sealed class MailServer : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _end = new();
    private readonly ConcurrentQueue<MimeMessage> _mails = new();
    private readonly Lazy<X509Certificate2> _certificate = new(MakeCertificate);
    private readonly Task _accepting;
    private int _connections;

    public MailServer()
    {
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public MailServerMood Mood { get; set; }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>How many there were.</summary>
    public int Connections => Volatile.Read(ref _connections);

    public IReadOnlyList<MimeMessage> Mails => [.. _mails];

    /// <summary>Settings of a server that sends here.</summary>
    public Dictionary<string, string?> Settings => new()
    {
        ["Mail:Host"] = "127.0.0.1",
        ["Mail:Port"] = Port.ToString(System.Globalization.CultureInfo.InvariantCulture),
        ["Mail:From"] = "ACTIVATE <id@example.test>",
        ["Mail:Security"] = "None",
    };

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        _listener.Stop();
        await _accepting;
        _end.Dispose();
    }

    private async Task AcceptAsync()
    {
        var serving = new List<Task>();
        try
        {
            while (true)
            {
                var client = await _listener.AcceptTcpClientAsync(_end.Token);
                Interlocked.Increment(ref _connections);
                serving.Add(ServeAsync(client));
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The end of the test.
        }

        await Task.WhenAll(serving);
    }

    private async Task ServeAsync(TcpClient client)
    {
        using var _ = client;
        try
        {
            await TalkAsync(client.GetStream());
        }
        catch (Exception exception) when (exception is OperationCanceledException or IOException or SocketException or System.Security.Authentication.AuthenticationException)
        {
            // The client, or the test, has gone.
        }
    }

    private async Task TalkAsync(Stream stream)
    {
        if (Mood == MailServerMood.Hangs)
            await Task.Delay(Timeout.Infinite, _end.Token);
        var reader = new StreamReader(stream, Encoding.Latin1);
        await SayAsync(stream, "220 mail.example.test ESMTP");
        while (await reader.ReadLineAsync(_end.Token) is { } line)
        {
            switch (line.Split(' ')[0].ToUpperInvariant())
            {
                case "EHLO":
                    await SayAsync(stream, Mood == MailServerMood.Untrusted ? "250-mail.example.test\r\n250 STARTTLS" : "250-mail.example.test\r\n250 8BITMIME");
                    break;
                case "STARTTLS":
                    await SayAsync(stream, "220 go ahead");
                    var encrypted = new SslStream(stream);
                    await encrypted.AuthenticateAsServerAsync(_certificate.Value);
                    (stream, reader) = (encrypted, new StreamReader(encrypted, Encoding.Latin1));
                    break;
                case "RCPT" when Mood == MailServerMood.RefusesRecipients:
                    await SayAsync(stream, $"550 5.1.1 {line[8..]}: no such mailbox here");
                    break;
                case "DATA" when Mood == MailServerMood.HangsUp:
                    return;
                case "DATA":
                    await SayAsync(stream, "354 go on");
                    await TakeAsync(reader);
                    if (Mood == MailServerMood.TakesSilently)
                        return;
                    await SayAsync(stream, "250 taken");
                    break;
                case "QUIT":
                    await SayAsync(stream, "221 good bye");
                    return;
                default:
                    await SayAsync(stream, "250 fine");
                    break;
            }
        }
    }

    private async Task TakeAsync(StreamReader reader)
    {
        var text = new StringBuilder();
        while (await reader.ReadLineAsync(_end.Token) is { } line && line != ".")
            text.Append(line.StartsWith('.') ? line[1..] : line).Append("\r\n");
        using var content = new MemoryStream(Encoding.Latin1.GetBytes(text.ToString()));
        _mails.Enqueue(await MimeMessage.LoadAsync(content, _end.Token));
    }

    private Task SayAsync(Stream stream, string line) => stream.WriteAsync(Encoding.Latin1.GetBytes(line + "\r\n"), _end.Token).AsTask();

    private static X509Certificate2 MakeCertificate()
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest("CN=127.0.0.1", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        return X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pfx), null);
    }
}
