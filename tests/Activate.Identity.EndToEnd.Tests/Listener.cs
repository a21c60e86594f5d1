using System.Net;
using System.Text;

namespace Activate.Identity.EndToEnd.Tests;

/// <summary>A small program behind an address of this machine, which answers one request after another.</summary>
internal sealed class Listener : IAsyncDisposable
{
    private readonly HttpListener _listener = new();
    private readonly Func<HttpListenerContext, Task<string>> _answer;
    private readonly Task _serving;

    /// <param name="address">Where; it ends with a slash.</param>
    /// <param name="answer">Sets what it likes of the answer, and returns its body.</param>
    public Listener(string address, Func<HttpListenerContext, Task<string>> answer)
    {
        _answer = answer;
        _listener.Prefixes.Add(address);
        _listener.Start();
        _serving = ServeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Close();
        await _serving;
    }

    private async Task ServeAsync()
    {
        while (true)
        {
            HttpListenerContext context;
            try
            {
                context = await _listener.GetContextAsync();
            }
            catch (Exception closed) when (closed is HttpListenerException or ObjectDisposedException)
            {
                return;
            }

            context.Response.Close(Encoding.UTF8.GetBytes(await _answer(context)), willBlock: false);
        }
    }
}
