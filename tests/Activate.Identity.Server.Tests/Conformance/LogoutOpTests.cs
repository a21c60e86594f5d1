using System.Buffers.Text;
using System.Security.Cryptography;
using Activate.Identity.Testing;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Activate.Identity.Server.Tests.Conformance;

/// <summary>The modules of RP-Initiated Logout OP: the application signs the person in, sends the browser to the end-session endpoint, and looks where it comes out.</summary>
public sealed class LogoutOpTests(ConformanceServer shared) : ConformanceTests(shared)
{
    private const string Hint = "id_token_hint", Redirect = "post_logout_redirect_uri", State = "state";

    private static readonly string s_state = new('s', 128);

    private static readonly RSA s_foreignKey = RSA.Create(2048);

    /// <summary>Signs in and asks to be signed out; <paramref name="change"/> turns the usual parameters into those of the module.</summary>
    private async Task<(RelyingParty Party, Browser Browser)> AskAsync(Action<Dictionary<string, string>> change)
    {
        var party = await RegisterAsync();
        var browser = Nobody();
        var tokens = await party.SignInAsync(browser);
        var parameters = new Dictionary<string, string> { [Hint] = tokens.Answer.Text("id_token"), [Redirect] = TestServer.SignedOut, [State] = s_state };
        change(parameters);
        await browser.GoAsync($"{Discovery.EndSessionEndpoint}?{string.Join('&', parameters.Select(parameter => $"{parameter.Key}={Uri.EscapeDataString(parameter.Value)}"))}");
        return (party, browser);
    }

    /// <summary>With prompt=none the session shows whether it is there.</summary>
    private static async Task AssertSignedOutAsync(RelyingParty party, Browser browser) => Assert.Equal("login_required", (await party.VisitAsync(browser, ("prompt", "none"))).Error);

    private static async Task AssertSignedInAsync(RelyingParty party, Browser browser) => Assert.Null((await party.VisitAsync(browser, ("prompt", "none"))).Error);

    /// <summary>A page, of error or of question, and the session as it was.</summary>
    private async Task RefusesAsync(Action<Dictionary<string, string>> change)
    {
        var (party, browser) = await AskAsync(change);
        using var person = browser;
        Assert.Null(person.Response.Headers.Location);
        Assert.Equal("text/html", person.Response.Content.Headers.ContentType?.MediaType);
        Assert.True(person.Response.StatusCode == System.Net.HttpStatusCode.BadRequest || person.PageText.Contains("Sign out?", StringComparison.Ordinal), person.PageText);
        await AssertSignedInAsync(party, person);
    }

    private async Task ReturnsAsync(string? state, Action<Dictionary<string, string>> change)
    {
        var (party, browser) = await AskAsync(change);
        using var person = browser;
        Assert.Equal(state is null ? TestServer.SignedOut : $"{TestServer.SignedOut}?state={state}", person.Response.Headers.Location?.OriginalString);
        await AssertSignedOutAsync(party, person);
    }

    /// <summary>The server signs out, after a question where nothing proves who asks, and shows that it did.</summary>
    private async Task SignsOutOnAPageAsync(bool asks, Action<Dictionary<string, string>> change)
    {
        var (party, browser) = await AskAsync(change);
        using var person = browser;
        Assert.Equal(asks, person.PageText.Contains("Sign out?", StringComparison.Ordinal));
        if (asks)
            await person.SubmitAsync("Yes, sign out");
        Assert.Null(person.Response.Headers.Location);
        Assert.Contains("You are signed out", person.PageText, StringComparison.Ordinal);
        await AssertSignedOutAsync(party, person);
    }

    [Module("oidcc-rp-initiated-logout-discovery-endpoint-verification")]
    public void Discovery_endpoint_verification()
    {
        Assert.StartsWith("https://", Discovery.Answer.Text("end_session_endpoint"), StringComparison.Ordinal);
        ConfigOpTests.AssertAllHttps(Discovery);
    }

    [Module("oidcc-rp-initiated-logout")]
    public Task Logout() => ReturnsAsync(s_state, _ => { });

    [Module("oidcc-rp-initiated-logout-bad-post-logout-redirect-uri")]
    public Task Bad_post_logout_redirect_uri() => RefusesAsync(parameters => parameters[Redirect] += "_bad");

    [Module("oidcc-rp-initiated-logout-modified-id-token-hint")]
    public Task Modified_id_token_hint() => RefusesAsync(parameters => parameters[Hint] = $"{Base64Url.EncodeToString("""{"alg":"none"}"""u8)}.{parameters[Hint].Split('.')[1]}.");

    [Module("oidcc-rp-initiated-logout-no-id-token-hint")]
    public Task No_id_token_hint() => RefusesAsync(parameters => parameters.Remove(Hint));

    [Module("oidcc-rp-initiated-logout-no-params")]
    public Task No_params() => SignsOutOnAPageAsync(asks: true, parameters => parameters.Clear());

    [Module("oidcc-rp-initiated-logout-no-post-logout-redirect-uri")]
    public Task No_post_logout_redirect_uri() => SignsOutOnAPageAsync(asks: false, parameters => parameters.Remove(Redirect));

    [Module("oidcc-rp-initiated-logout-no-state")]
    public Task No_state() => ReturnsAsync(null, parameters => parameters.Remove(State));

    [Module("oidcc-rp-initiated-logout-only-state")]
    public Task Only_state() => SignsOutOnAPageAsync(asks: true, parameters =>
    {
        parameters.Remove(Hint);
        parameters.Remove(Redirect);
    });

    [Module("oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri")]
    public Task Query_added() => RefusesAsync(parameters => parameters[Redirect] += "?foo=bar");

    [Module("oidcc-rp-initiated-logout-bad-id-token-hint")]
    public Task Bad_id_token_hint() => RefusesAsync(parameters => parameters[Hint] = new JsonWebTokenHandler().CreateToken(
        RelyingParty.Payload(new JsonWebToken(parameters[Hint])).GetRawText(), new SigningCredentials(new RsaSecurityKey(s_foreignKey), SecurityAlgorithms.RsaSha256)));

    [Module("oidcc-backchannel-logout-discovery-endpoint-verification")]
    public void Backchannel_discovery_endpoint_verification() => SkipBackchannel();

    [Module("oidcc-backchannel-rp-initiated-logout")]
    public void Backchannel_logout() => SkipBackchannel();

    private void SkipBackchannel()
    {
        Assert.False(Discovery.Says("backchannel_logout_supported"));
        Skip("Back-channel logout does not exist here, and is not announced: the server calls no address that an application names.");
    }
}
