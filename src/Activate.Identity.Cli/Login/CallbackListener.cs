using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

namespace Activate.Identity.Cli.Login;

/// <summary>
/// Where the browser brings the answer: one path on a free port of 127.0.0.1 (RFC 8252 §7.3). Everybody on the host and every page in the browser can call it,
/// so only a request that knows the state is the answer, and it is taken once. All others change nothing, and whoever is slow waits for himself alone.
/// <code>
///  GET /callback with our state     the answer; a second one is told that it comes too late
///  GET /callback otherwise          400: a forged answer, or a page left from another login
///  anything else                    404
/// </code>
/// Sockets and a few lines of HTTP/1.1: HttpListener cannot take a free port by itself, and a web host would make the program many times its size.
/// </summary>
internal sealed class CallbackListener : IDisposable
{
    private const string Path = "/callback";
    private const int MaximumHead = 16 * 1024;
    private const int MaximumConnections = 64;
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(100);

    /// <summary>How long a connection may take to ask, and again to take its answer.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly TcpListener _listener;
    private readonly byte[] _state;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _end = new();
    private readonly TaskCompletionSource<Callback> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _lock = new();
    private readonly LinkedList<Socket> _open = [];

    private CallbackListener(TcpListener listener, string state, TimeProvider time)
    {
        (_listener, _state, _time) = (listener, Encoding.ASCII.GetBytes(state), time);
        Address = new Uri($"http://{listener.LocalEndpoint}{Path}");
    }

    /// <summary>The redirect URI.</summary>
    public Uri Address { get; }

    public static CallbackListener Start(string state, TimeProvider time)
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        // Elsewhere two programs cannot share a port unless both ask for it.
        if (OperatingSystem.IsWindows())
            listener.ExclusiveAddressUse = true;
        try
        {
            listener.Start();
        }
        catch (SocketException problem)
        {
            listener.Dispose();
            throw Failure.Failed($"No port of 127.0.0.1 can be listened on: {problem.Message}",
                "Sign in with a code instead: actid auth login, without --browser");
        }

        var callbacks = new CallbackListener(listener, state, time);
        _ = callbacks.AcceptAsync();
        return callbacks;
    }

    /// <summary>The answer, which is the caller's to answer.</summary>
    /// <exception cref="TimeoutException">Nobody came.</exception>
    public Task<Callback> WaitAsync(TimeSpan limit, CancellationToken cancellation) => _answer.Task.WaitAsync(limit, _time, cancellation);

    public void Dispose()
    {
        _end.Cancel();
        _listener.Dispose();
        lock (_lock)
        {
            foreach (var socket in _open)
                socket.Dispose();
            _open.Clear();
        }
    }

    private async Task AcceptAsync()
    {
        while (!_end.IsCancellationRequested)
        {
            try
            {
                var socket = await _listener.AcceptSocketAsync(_end.Token);
                _ = ServeAsync(socket, Enter(socket));
            }
            catch (SocketException) when (!_end.IsCancellationRequested)
            {
                // One connection that broke, or too many open files: the next may do better.
                await Task.Delay(s_pause, _time, CancellationToken.None);
            }
            catch (Exception problem) when (problem is OperationCanceledException or ObjectDisposedException or SocketException)
            {
                return;
            }
        }
    }

    private async Task ServeAsync(Socket socket, LinkedListNode<Socket> place)
    {
        var kept = false;
        try
        {
            using var limit = new CancellationTokenSource(Patience, _time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, _end.Token);
            var head = await ReadHeadAsync(socket, either.Token);
            if (head is null)
                return;
            if (head.Length == MaximumHead)
                await CallbackPage.TooLarge.SendAsync(socket, either.Token);
            else if (Target(head) is not { } target)
                await CallbackPage.NotFound.SendAsync(socket, either.Token);
            else if (Query(target) is var query && !HasState(query))
                await CallbackPage.Foreign.SendAsync(socket, either.Token);
            else if (!(kept = Leave(place) && _answer.TrySetResult(new Callback(query, socket, _time))))
                await CallbackPage.TooLate.SendAsync(socket, either.Token);
        }
        catch (Exception problem) when (problem is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // Gone, or too slow. The real answer comes on a connection of its own.
        }
        finally
        {
            Leave(place);
            if (!kept)
                socket.Dispose();
        }
    }

    /// <summary>When there are too many, the one that has waited longest goes: somebody who opens hundreds cannot keep the browser out.</summary>
    private LinkedListNode<Socket> Enter(Socket socket)
    {
        lock (_lock)
        {
            if (_open.Count >= MaximumConnections)
            {
                _open.First!.Value.Dispose();
                _open.RemoveFirst();
            }

            return _open.AddLast(socket);
        }
    }

    /// <summary>From here on nobody else closes this connection; false when somebody has.</summary>
    private bool Leave(LinkedListNode<Socket> place)
    {
        lock (_lock)
        {
            if (place.List is null)
                return false;
            _open.Remove(place);
            return true;
        }
    }

    /// <summary>Request line and header fields; null when the other side left, <see cref="MaximumHead"/> bytes when there is no end to them.</summary>
    private static async Task<byte[]?> ReadHeadAsync(Socket socket, CancellationToken cancellation)
    {
        var buffer = new byte[MaximumHead];
        for (var length = 0; length < buffer.Length;)
        {
            var read = await socket.ReceiveAsync(buffer.AsMemory(length), cancellation);
            if (read == 0)
                return null;
            length += read;
            if (buffer.AsSpan(0, length).IndexOf("\r\n\r\n"u8) is >= 0 and var end)
                return buffer[..end];
        }

        return buffer;
    }

    /// <summary>The target of a GET for our path, or null. Another Host means that a name was made to point here (DNS rebinding).</summary>
    private string? Target(byte[] head)
    {
        var lines = Encoding.Latin1.GetString(head).Split("\r\n");
        var hosts = lines.Skip(1).Where(line => line.StartsWith("Host:", StringComparison.OrdinalIgnoreCase)).Select(line => line["Host:".Length..]).ToList();
        return lines[0].Split(' ') is ["GET", var target, "HTTP/1.1" or "HTTP/1.0"] && target.Split('?', 2)[0] == Path
            && hosts is [var host] && host.Trim(' ', '\t') == Address.Authority
            ? target
            : null;
    }

    private static ILookup<string, string> Query(string target) => (target.Split('?', 2) is [_, { Length: > 0 } query] ? query.Split('&') : [])
        .Select(pair => pair.Split('=', 2))
        .ToLookup(pair => WebUtility.UrlDecode(pair[0]), pair => pair.Length > 1 ? WebUtility.UrlDecode(pair[1]) : "", StringComparer.Ordinal);

    private bool HasState(ILookup<string, string> query) =>
        query["state"].ToList() is [var state] && CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(state), _state);
}

/// <summary>The request that knew the state. Its page waits until it is known how the login went.</summary>
internal sealed class Callback(ILookup<string, string> query, Socket socket, TimeProvider time) : IDisposable
{
    /// <summary>A parameter; null when it is absent. None may come twice (RFC 6749 §3.1).</summary>
    public string? this[string name] => query[name].ToList() switch
    {
        [] => null,
        [var value] => value,
        _ => throw Failure.Failed($"The browser brought '{name}' twice. Nothing was kept."),
    };

    /// <summary>Shows a page. Somebody who has closed the window loses nothing by it.</summary>
    public async Task AnswerAsync(CallbackPage page)
    {
        using var limit = new CancellationTokenSource(CallbackListener.Patience, time);
        try
        {
            await page.SendAsync(socket, limit.Token);
        }
        catch (Exception problem) when (problem is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // The terminal says it as well.
        }
    }

    public void Dispose() => socket.Dispose();
}
