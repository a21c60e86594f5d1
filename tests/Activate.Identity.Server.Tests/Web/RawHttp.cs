using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;
using Activate.Identity.Testing;

namespace Activate.Identity.Server.Tests.Web;

/// <summary>Requests as no client library would send them.</summary>
internal static partial class RawHttp
{
    [GeneratedRegex(@"HTTP/1\.1 (\d{3}) ")]
    private static partial Regex State { get; }

    /// <summary>The states of all answers in what came back.</summary>
    public static IEnumerable<string> StatesOf(string answers) => State.Matches(answers).Select(match => match.Groups[1].Value);

    /// <summary>A connection on which the text was sent.</summary>
    public static async Task<TcpClient> OpenAsync(TestServer server, string text)
    {
        var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, server.Origin.Port, TestContext.Current.CancellationToken);
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(text), TestContext.Current.CancellationToken);
        return client;
    }

    /// <summary>All that comes until the server closes, or resets because bytes came that nobody wanted any more.</summary>
    public static async Task<string> ReadToEndAsync(TcpClient client)
    {
        using var everything = new MemoryStream();
        try
        {
            await client.GetStream().CopyToAsync(everything, TestContext.Current.CancellationToken);
        }
        catch (IOException)
        {
            // What was answered is there.
        }

        return Encoding.UTF8.GetString(everything.ToArray());
    }
}
