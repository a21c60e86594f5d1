using System.Net;
using AngleSharp.Dom;
using AngleSharp.Html.Dom;
using AngleSharp.Html.Parser;
using Xunit;

namespace Activate.Identity.Testing;

/// <summary>A browser without JavaScript: keeps cookies, follows redirects within the site, fills in forms.</summary>
public sealed class Browser : IDisposable
{
    private static readonly HtmlParser s_parser = new();
    private readonly Uri _origin;
    private readonly HttpClient[] _clients;
    private int _node;

    /// <param name="origin">The public origin.</param>
    /// <param name="clients">One for each node; neither cookies nor redirects of their own.</param>
    /// <param name="node">The node to talk to first.</param>
    public Browser(Uri origin, IEnumerable<HttpClient> clients, int node = 0)
    {
        _origin = origin;
        _node = node;
        _clients = [.. clients];
        Cookies = new CookieContainer();
    }

    public CookieContainer Cookies { get; private set; }

    /// <summary>The last answer and, when it was HTML, its document.</summary>
    public HttpResponseMessage Response { get; private set; } = new();

    public string Body { get; private set; } = "";

    public IHtmlDocument Page => s_parser.ParseDocument(Body);

    public Uri Address { get; private set; } = new("about:blank");

    public string PageText => Page.Body?.TextContent ?? "";

    /// <summary>The same cookies, from now on at another node.</summary>
    public Browser At(int node)
    {
        _node = node;
        return this;
    }

    public Task<Browser> GoAsync(string path) => SendAsync(new HttpRequestMessage(HttpMethod.Get, new Uri(_origin, path)), follow: true);

    /// <summary>Fills in the form that holds <paramref name="submit"/> (a button's text) and sends it, hidden fields included.</summary>
    public Task<Browser> SubmitAsync(string submit, params (string Name, string Value)[] fields) => SubmitAsync(submit, follow: true, fields);

    public Task<Browser> SubmitAsync(string submit, bool follow, params (string Name, string Value)[] fields) => SendAsync(FormRequest(submit, fields), follow);

    /// <summary>The request a form would send, for tests that send it twice or change it first.</summary>
    public HttpRequestMessage FormRequest(string submit, params (string Name, string Value)[] fields)
    {
        var button = Page.QuerySelectorAll("button").FirstOrDefault(b => b.TextContent.Trim() == submit) as IHtmlButtonElement;
        Assert.True(button is not null, $"No button '{submit}' on {Address}: {PageText}");
        var form = button.Form ?? throw new InvalidOperationException($"The button '{submit}' is in no form.");
        var values = new List<KeyValuePair<string, string>>();
        void Add(string name, string? value) => values.Add(KeyValuePair.Create(name, value ?? ""));
        foreach (var element in form.Elements)
        {
            switch (element)
            {
                case IHtmlInputElement { Name: { Length: > 0 } name, Type: not ("submit" or "checkbox" or "radio") } input:
                    Add(name, input.Value);
                    break;
                case IHtmlInputElement { Name: { Length: > 0 } name, IsChecked: true } input:
                    Add(name, input.Value);
                    break;
                case IHtmlSelectElement { Name: { Length: > 0 } name } select:
                    Add(name, select.Value);
                    break;
                case IHtmlTextAreaElement { Name: { Length: > 0 } name } area:
                    Add(name, area.Value);
                    break;
            }
        }

        if (button.Name is { Length: > 0 })
            Add(button.Name, button.Value);
        foreach (var (field, value) in fields)
        {
            // "!Name" is a field that the form does not have, as somebody who tampers with it would send.
            var name = field.TrimStart('!');
            Assert.True(field != name || form.QuerySelector($"[name='{name}']") is not null, $"The form has no field '{name}'.");
            values.RemoveAll(pair => pair.Key == name && !fields.Any(other => other.Name == field && other.Value == pair.Value));
            if (!values.Contains(KeyValuePair.Create(name, value)))
                Add(name, value);
        }

        var target = new Uri(Address, button.GetAttribute("formaction") ?? form.GetAttribute("action") ?? Address.ToString());
        return new HttpRequestMessage(HttpMethod.Post, target) { Content = new FormUrlEncodedContent(values) };
    }

    public async Task<Browser> SendAsync(HttpRequestMessage request, bool follow = false)
    {
        for (var hops = 0; ; hops++)
        {
            Address = request.RequestUri!;
            if (Cookies.GetCookieHeader(Address) is { Length: > 0 } cookies)
                request.Headers.Add("Cookie", cookies);
            // A body that is too large is refused before it is sent: otherwise the server hangs up in the middle of it.
            request.Headers.ExpectContinue = request.Content?.Headers.ContentLength > 256 * 1024;
            Response = await _clients[_node].SendAsync(request);
            Body = await Response.Content.ReadAsStringAsync();
            if (Response.Headers.TryGetValues("Set-Cookie", out var set))
            {
                foreach (var cookie in set)
                    Cookies.SetCookies(Address, cookie);
            }

            if (!follow || (int)Response.StatusCode is not (301 or 302 or 303) || hops == 10)
                return this;
            var next = new Uri(Address, Response.Headers.Location!);
            if (next.Authority != _origin.Authority)
                return this;
            request = new HttpRequestMessage(HttpMethod.Get, next);
        }
    }

    public async Task<Browser> SignInAsync(string username = TestServer.OwnerName, string password = TestServer.OwnerPassword)
    {
        await GoAsync("/sign-in");
        return await SubmitAsync("Sign in", ("Username", username), ("Password", password));
    }

    public void Dispose()
    {
        foreach (var client in _clients)
            client.Dispose();
    }
}
