using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Activate.Identity.Cli.Tests.Harness;

/// <summary>The page that a login in the browser opens, as the browser has it: where it leads back to, and with what.</summary>
internal sealed record LoginPage(Uri Address)
{
    public Uri Callback => new(Parameter("redirect_uri")!);

    public string State => Parameter("state")!;

    public string? Parameter(string name) => System.Web.HttpUtility.ParseQueryString(Address.Query)[name];

    /// <summary>Goes to the page and wherever it leads.</summary>
    public async Task<Shown> GoAsync()
    {
        using var browser = new HttpClient();
        return await Shown.OfAsync(await browser.GetAsync(Address));
    }

    /// <summary>Brings an answer back, the way that a redirect does.</summary>
    public async Task<Shown> BringAsync(string query)
    {
        using var browser = new HttpClient();
        return await Shown.OfAsync(await browser.GetAsync(new Uri($"{Callback}?{query}")));
    }

    /// <summary>Sends bytes that no browser would, and reads what comes until the connection ends.</summary>
    public async Task<string> SendAsync(string text)
    {
        using var socket = await ConnectAsync(text);
        return await ReadAsync(socket);
    }

    public async Task<Socket> ConnectAsync(string text = "")
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, Callback.Port);
        await socket.SendAsync(Encoding.Latin1.GetBytes(text));
        return socket;
    }

    public static async Task<string> ReadAsync(Socket socket)
    {
        using var stream = new NetworkStream(socket);
        using var reader = new StreamReader(stream, Encoding.UTF8);
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        try
        {
            return await reader.ReadToEndAsync(limit.Token);
        }
        catch (IOException)
        {
            return "";
        }
    }
}

internal sealed record Shown(HttpStatusCode Status, string Page, ILookup<string, string> Headers)
{
    public static async Task<Shown> OfAsync(HttpResponseMessage response)
    {
        using (response)
        {
            var headers = response.Headers.Concat(response.Content.Headers).SelectMany(header => header.Value, (header, value) => (header.Key, Value: value));
            return new Shown(response.StatusCode, await response.Content.ReadAsStringAsync(), headers.ToLookup(pair => pair.Key, pair => pair.Value));
        }
    }
}
