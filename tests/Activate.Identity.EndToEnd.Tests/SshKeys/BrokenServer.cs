using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Activate.Identity.EndToEnd.Tests.SshKeys;

/// <summary>Stands where the server stood and answers everybody with the same bytes.</summary>
internal sealed class BrokenServer : IAsyncDisposable
{
    private readonly TcpListener _listener;
    private readonly Task _serving;
    private volatile Fault _fault = new("");
    private int _asked;

    private BrokenServer(int port)
    {
        _listener = new TcpListener(IPAddress.Loopback, port);
        _listener.Start();
        _serving = ServeAsync();
    }

    /// <summary>How often it was asked since the last fault was set.</summary>
    public int Asked => Volatile.Read(ref _asked);

    public static BrokenServer At(int port) => new(port);

    public void Answer(Fault fault)
    {
        _fault = fault;
        Volatile.Write(ref _asked, 0);
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        await _serving;
    }

    private async Task ServeAsync()
    {
        while (true)
        {
            try
            {
                _ = AnswerAsync(await _listener.AcceptTcpClientAsync());
            }
            catch (Exception error) when (error is SocketException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    private async Task AnswerAsync(TcpClient client)
    {
        using var taken = client;
        try
        {
            var stream = client.GetStream();
            using var reader = new StreamReader(stream, Encoding.ASCII, leaveOpen: true);
            while (await reader.ReadLineAsync() is { Length: > 0 })
            {
            }

            Interlocked.Increment(ref _asked);
            var fault = _fault;
            foreach (var chunk in Encoding.UTF8.GetBytes(fault.Bytes).Chunk(fault.Slowly ? 1 : int.MaxValue))
            {
                await stream.WriteAsync(chunk);
                if (fault.Slowly)
                    await Task.Delay(300);
            }
        }
        catch (IOException)
        {
            // Who asked did not wait for the end.
        }
    }

    /// <param name="Bytes">Of the whole answer, head included; then the connection is closed.</param>
    /// <param name="Slowly">A byte now and then.</param>
    internal sealed record Fault(string Bytes, bool Slowly = false)
    {
        public static Fault Of(string status, string body, string type = "application/json", int? length = null, bool slowly = false) =>
            new($"HTTP/1.1 {status}\r\nContent-Type: {type}\r\nContent-Length: {length ?? Encoding.UTF8.GetByteCount(body)}\r\nConnection: close\r\n\r\n{body}", slowly);
    }
}
