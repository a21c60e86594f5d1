using Activate.Identity.Core.Applications;

namespace Activate.Identity.Core.Tests.Applications;

/// <summary>Where codes may go: what can be registered, and what a request may name.</summary>
public class RedirectUriTests
{
    [Theory, Trait("Case", "A11")]
    [InlineData("https://app.test/cb", ApplicationKind.Web)]
    [InlineData("https://app.test", ApplicationKind.Web)]
    [InlineData("https://app.test:8443/cb?tenant=1&x=%2F", ApplicationKind.Browser)]
    [InlineData("https://xn--bcher-kva.test/cb", ApplicationKind.Web)]
    [InlineData("http://localhost:3000/cb", ApplicationKind.Browser)]
    [InlineData("http://127.0.0.1:3000/cb", ApplicationKind.Web)]
    [InlineData("http://[::1]:3000/cb", ApplicationKind.Web)]
    [InlineData("http://127.0.0.1/cb", ApplicationKind.Native)]
    [InlineData("http://[::1]/cb", ApplicationKind.Native)]
    [InlineData("http://localhost/cb", ApplicationKind.Native)]
    [InlineData("https://app.test/claimed", ApplicationKind.Native)]
    [InlineData("com.example.app:/oauth2redirect", ApplicationKind.Native)]
    [InlineData("com.example.app://callback/done", ApplicationKind.Native)]
    public void Plain_addresses_are_registered_as_they_are(string uri, ApplicationKind kind)
    {
        Assert.True(RedirectUri.Parse(uri, kind, "redirectUris").TryGet(out var parsed, out var problem), problem?.Detail);
        Assert.Equal(uri, parsed);
    }

    [Theory, Trait("Case", "A11")]
    [InlineData("javascript:alert(1)")]
    [InlineData("JavaScript:alert(1)")]
    [InlineData("javascript://app.test/%0Aalert(1)")]
    [InlineData("data:text/html,x")]
    [InlineData("file:///etc/passwd")]
    [InlineData("blob:https://app.test/1")]
    [InlineData("vbscript:x")]
    [InlineData("about:blank")]
    [InlineData("ws://app.test/cb")]
    [InlineData("wss://app.test/cb")]
    [InlineData("ftp://app.test/cb")]
    [InlineData("mailto:a@app.test")]
    [InlineData("intent://app.test#Intent;end")]
    [InlineData("urn:ietf:wg:oauth:2.0:oob")]
    [InlineData("myapp:/cb")]
    [InlineData("myapp://cb")]
    [InlineData("com.example.app:")]
    [InlineData("http://app.test/cb")]
    [InlineData("http://10.0.0.1/cb")]
    [InlineData("http://loopback/cb")]
    [InlineData("http://127.0.0.2/cb")]
    [InlineData("http://127.1/cb")]
    [InlineData("http://0x7f.1/cb")]
    [InlineData("http://2130706433/cb")]
    [InlineData("http://[::ffff:127.0.0.1]/cb")]
    [InlineData("http://localhost.evil.test/cb")]
    [InlineData("http://localhost@evil.test/cb")]
    [InlineData("https://user@app.test/cb")]
    [InlineData("https://user:pw@app.test/cb")]
    [InlineData("https://@app.test/cb")]
    [InlineData("https:///cb")]
    [InlineData("https:app.test/cb")]
    [InlineData("https:/app.test/cb")]
    [InlineData("https://app.test/cb#f")]
    [InlineData("https://app.test/cb#")]
    [InlineData("https://*.app.test/cb")]
    [InlineData("https://app.test/*")]
    [InlineData("https://app.test/a/../cb")]
    [InlineData("https://app.test/./cb")]
    [InlineData("https://app.test/%2e%2e/cb")]
    [InlineData("https://app.test:443/cb")]
    [InlineData("https://APP.test/cb")]
    [InlineData("HTTPS://app.test/cb")]
    [InlineData("https://app.test\\@evil.test/cb")]
    [InlineData("https://app.test/a b")]
    [InlineData(" https://app.test/cb")]
    [InlineData("https://app.test/cb\n")]
    [InlineData("https://app.test/\tcb")]
    [InlineData("https://app.test/cb\0")]
    [InlineData("https://b\u00fccher.test/cb")]
    [InlineData("https://\u0430pp.test/cb")]
    [InlineData("https://app.test/<svg>")]
    [InlineData("/cb")]
    [InlineData("//app.test/cb")]
    [InlineData("")]
    [InlineData(null)]
    public void What_executes_leaks_or_reads_two_ways_is_refused_for_every_kind(string? uri)
    {
        foreach (var kind in (ApplicationKind[])[ApplicationKind.Web, ApplicationKind.Browser, ApplicationKind.Native])
            Assert.Equal(("redirect_uri_invalid", "redirectUris"), (RedirectUri.Parse(uri, kind, "redirectUris").Problem?.Code, RedirectUri.Parse(uri, kind, "redirectUris").Problem?.Field));
    }

    [Theory, Trait("Case", "A11")]
    [InlineData("com.example.app:/cb", ApplicationKind.Web)]
    [InlineData("com.example.app:/cb", ApplicationKind.Browser)]
    [InlineData("https://127.0.0.1/cb", ApplicationKind.Native)]
    [InlineData("https://localhost:8443/cb", ApplicationKind.Native)]
    [InlineData("https://[::1]/cb", ApplicationKind.Native)]
    public void Each_kind_has_its_own_addresses(string uri, ApplicationKind kind) => Assert.NotNull(RedirectUri.Parse(uri, kind, "x").Problem);

    [Fact, Trait("Case", "A11")]
    public void An_address_has_at_most_2048_characters()
    {
        var longest = "https://app.test/" + new string('a', RedirectUri.MaximumLength - 17);
        Assert.Null(RedirectUri.Parse(longest, ApplicationKind.Web, "x").Problem);
        Assert.NotNull(RedirectUri.Parse(longest + "a", ApplicationKind.Web, "x").Problem);
    }

    [Theory, Trait("Case", "A8")]
    [InlineData("https://app.test/cb/")]
    [InlineData("https://app.test/CB")]
    [InlineData("https://app.test/cb?x=1")]
    [InlineData("https://app.test/cb?")]
    [InlineData("https://app.test/cb#f")]
    [InlineData("https://app.test/a/../cb")]
    [InlineData("https://app.test/%2f../cb")]
    [InlineData("https://app.test/c%62")]
    [InlineData("https://app.test:443/cb")]
    [InlineData("https://app.test:8443/cb")]
    [InlineData("https://user@app.test/cb")]
    [InlineData("https://app.test@evil.test/cb")]
    [InlineData("https://[::1]/cb")]
    [InlineData("https://127.1/cb")]
    [InlineData("https://0x7f.1/cb")]
    [InlineData("https://APP.test/cb")]
    [InlineData("https://app.test./cb")]
    [InlineData("https://app.test/cb\t")]
    [InlineData("https://app.test/cb\n")]
    [InlineData(" https://app.test/cb")]
    [InlineData("https://\u0430pp.test/cb")]
    [InlineData("http://app.test/cb")]
    [InlineData("")]
    public void A_request_names_the_very_address(string requested)
    {
        Assert.True(RedirectUri.Matches("https://app.test/cb", "https://app.test/cb", isNative: false));
        Assert.False(RedirectUri.Matches("https://app.test/cb", requested, isNative: false));
        Assert.False(RedirectUri.Matches("https://app.test/cb", requested, isNative: true));
    }

    [Theory, Trait("Case", "A9")]
    [InlineData("http://127.0.0.1/cb", "http://127.0.0.1:1/cb", true)]
    [InlineData("http://127.0.0.1/cb", "http://127.0.0.1:54321/cb", true)]
    [InlineData("http://127.0.0.1/cb", "http://127.0.0.1:65535/cb", true)]
    [InlineData("http://127.0.0.1/cb", "http://127.0.0.1/cb", true)]
    [InlineData("http://127.0.0.1:8080/cb", "http://127.0.0.1:54321/cb", true)]
    [InlineData("http://127.0.0.1", "http://127.0.0.1:54321", true)]
    [InlineData("http://127.0.0.1/cb?a=1", "http://127.0.0.1:54321/cb?a=1", true)]
    [InlineData("http://[::1]/cb", "http://[::1]:54321/cb", true)]
    [InlineData("http://127.0.0.1/cb", "http://[::1]:54321/cb", false)]
    [InlineData("http://127.0.0.1/cb", "http://127.0.0.1.evil.test/cb", false)]
    [InlineData("http://127.0.0.1/cb", "http://127.0.0.1:9@evil/cb", false)]
    [InlineData("http://127.0.0.1/cb", "http://127.0.0.1@evil/cb", false)]
    [InlineData("http://127.0.0.1/cb", "https://127.0.0.1:1/cb", false)]
    [InlineData("http://127.0.0.1/cb", "http://localhost:54321/cb", false)]
    [InlineData("http://127.0.0.1/cb", "http://localhost/cb", false)]
    [InlineData("http://127.0.0.1/cb", "http://127.1:54321/cb", false)]
    [InlineData("http://127.0.0.1/cb", "http://127.0.0.1:54321/CB", false)]
    [InlineData("http://127.0.0.1/cb", "http://127.0.0.1:54321/cb/", false)]
    [InlineData("http://127.0.0.1/cb", "http://127.0.0.1:54321/cb?x=1", false)]
    [InlineData("http://127.0.0.1/cb", "http://127.0.0.1:54321/cb#f", false)]
    [InlineData("http://127.0.0.1/cb", "http://127.0.0.1:54321", false)]
    [InlineData("http://127.0.0.1/cb", "http://127.0.0.1:0/cb", false)]
    [InlineData("http://127.0.0.1/cb", "http://127.0.0.1:00080/cb", false)]
    [InlineData("http://127.0.0.1/cb", "http://127.0.0.1:65536/cb", false)]
    [InlineData("http://127.0.0.1/cb", "http://127.0.0.1:99999999999999999999/cb", false)]
    [InlineData("http://127.0.0.1/cb", "http://127.0.0.1:/cb", false)]
    [InlineData("http://127.0.0.1/cb", "http://127.0.0.1:80:80/cb", false)]
    [InlineData("http://127.0.0.1/cb", "http://127.0.0.1:+80/cb", false)]
    [InlineData("http://127.0.0.1/cb", "HTTP://127.0.0.1:80/cb", false)]
    [InlineData("http://localhost/cb", "http://localhost/cb", true)]
    [InlineData("http://localhost/cb", "http://localhost:54321/cb", false)]
    [InlineData("com.example.app:/cb", "com.example.app:/cb", true)]
    [InlineData("com.example.app:/cb", "com.example.app:/cb2", false)]
    public void A_native_application_chooses_its_port_on_loopback_and_nothing_else(string registered, string requested, bool allowed)
    {
        Assert.Equal(allowed, RedirectUri.Matches(registered, requested, isNative: true));
        Assert.Equal(registered == requested, RedirectUri.Matches(registered, requested, isNative: false));
    }
}
