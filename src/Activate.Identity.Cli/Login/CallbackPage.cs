using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using Activate.Identity.Cli.Output;

namespace Activate.Identity.Cli.Login;

/// <summary>
/// What the browser shows when it has been here. The address of the page holds the code and the state: no script, no other address and no other site gets to see
/// it, and what it says comes partly from a server, so it is text only.
/// </summary>
internal sealed record CallbackPage(string Status, string Title, string Text)
{
    private const string Style =
        ":root{color-scheme:light dark}body{font:1.1em/1.5 system-ui,sans-serif;max-width:36em;margin:20vh auto 0;padding:0 1em}h1{font-size:1.4em}";

    private static readonly string s_policy =
        $"default-src 'none'; style-src 'sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(Style)))}'; "
        + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    public static readonly CallbackPage SignedIn = new("200 OK", "Signed in. You can close this window.", "The terminal goes on by itself.");
    public static readonly CallbackPage Foreign = new("400 Bad Request", "This is not the answer to the login that waits.",
        "It may belong to an earlier one. Run actid auth login --browser again.");
    public static readonly CallbackPage TooLate = new("400 Bad Request", "This login has been answered already.", "The terminal says how it went.");
    public static readonly CallbackPage NotFound = new("404 Not Found", "There is nothing here.", "");
    public static readonly CallbackPage TooLarge = new("431 Request Header Fields Too Large", "The request is too large.", "");

    public static CallbackPage Failed(string reason) => new("400 Bad Request", "Not signed in. You can close this window.", reason);

    public async Task SendAsync(Socket socket, CancellationToken cancellation)
    {
        var rest = ToBytes();
        while (rest.Length > 0)
            rest = rest[await socket.SendAsync(rest, cancellation)..];
        socket.Shutdown(SocketShutdown.Send);
    }

    private ReadOnlyMemory<byte> ToBytes()
    {
        var body = Encoding.UTF8.GetBytes($"""
            <!doctype html>
            <html lang="en">
            <head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>actid</title><style>{Style}</style></head>
            <body><main><h1>{Encoded(Title)}</h1><p>{Encoded(Text)}</p></main></body>
            </html>

            """);
        var head = string.Join("\r\n",
            $"HTTP/1.1 {Status}",
            "Content-Type: text/html; charset=utf-8",
            $"Content-Length: {body.Length}",
            $"Content-Security-Policy: {s_policy}",
            "Cache-Control: no-store",
            "X-Content-Type-Options: nosniff",
            "X-Frame-Options: DENY",
            "Referrer-Policy: no-referrer",
            "Cross-Origin-Resource-Policy: same-origin",
            "Connection: close",
            "",
            "");
        return (byte[])[.. Encoding.ASCII.GetBytes(head), .. body];
    }

    private static string Encoded(string text) => HtmlEncoder.Default.Encode(SafeText.OneLine(text));
}
