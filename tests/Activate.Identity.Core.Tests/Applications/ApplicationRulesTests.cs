using Activate.Identity.Core.Applications;

namespace Activate.Identity.Core.Tests.Applications;

public class ApplicationRulesTests
{
    private static readonly Uri s_origin = new("https://id.example.test");
    private static readonly ApplicationDraft s_web = new("Portal", "web") { RedirectUris = ["https://app.test/cb"], Scopes = ["openid", "platform"] };

    [Theory]
    [InlineData("web", "authorization_code refresh_token")]
    [InlineData("browser", "authorization_code refresh_token")]
    [InlineData("native", "authorization_code refresh_token device_code")]
    [InlineData("service", "client_credentials")]
    [InlineData("resourceServer", "")]
    public void Each_kind_has_its_usual_grants(string type, string grants)
    {
        var draft = s_web with { Type = type, RedirectUris = type is "service" or "resourceServer" ? null : s_web.RedirectUris, Scopes = type == "resourceServer" ? null : ["platform"], Resources = type == "resourceServer" ? ["https://api.test"] : null };
        var settings = Allowed(draft);
        Assert.Equal(grants, string.Join(' ', settings.Grants.Select(Grants.Word)));
        Assert.Equal("RS256", settings.SigningAlgorithm);
        Assert.Equal(type, settings.Kind.Word());
    }

    [Theory]
    [InlineData("web", "client_credentials", true)]
    [InlineData("web", "token_exchange", true)]
    [InlineData("web", "urn:ietf:params:oauth:grant-type:token-exchange", true)]
    [InlineData("web", "device_code", false)]
    [InlineData("web", "password", false)]
    [InlineData("web", "implicit", false)]
    [InlineData("browser", "client_credentials", false)]
    [InlineData("browser", "token_exchange", false)]
    [InlineData("native", "urn:ietf:params:oauth:grant-type:device_code", true)]
    [InlineData("native", "client_credentials", false)]
    [InlineData("service", "token-exchange", true)]
    [InlineData("service", "authorization_code", false)]
    [InlineData("resourceServer", "token_exchange", true)]
    [InlineData("resourceServer", "client_credentials", false)]
    public void A_kind_has_no_grants_but_its_own(string type, string grant, bool allowed)
    {
        var draft = s_web with { Type = type, RedirectUris = null, Grants = [grant], Scopes = ["platform"], Resources = type == "resourceServer" ? ["https://api.test"] : null };
        Assert.Equal(allowed ? null : "grant_invalid", Code(draft));
    }

    [Fact]
    public void Refresh_tokens_come_with_a_sign_in_and_offline_access_with_refresh_tokens()
    {
        Assert.Equal("grant_invalid", Code(s_web with { RedirectUris = null, Grants = ["refresh_token", "client_credentials"] }));
        Assert.Equal("scope_needs_grant", Code(s_web with { Grants = ["authorization_code"], Scopes = ["openid", "offline_access"] }));
        Assert.Equal("scope_needs_grant", Code(new ApplicationDraft("Job", "service") { Scopes = ["openid"] }));
        Assert.Null(Code(s_web with { Scopes = ["openid", "offline_access"] }));
    }

    [Fact]
    public void Every_scope_but_that_of_clusters_is_offered() => Assert.Equal(Scopes.All.Where(scope => scope != Scopes.AuthorizedKeysRead).Order(), ApplicationRules.ScopesOffered.Order());

    [Fact]
    public void What_is_needed_is_asked_for_and_what_is_useless_refused()
    {
        Assert.Equal("redirect_uri_required", Code(s_web with { RedirectUris = [] }));
        Assert.Equal("redirect_uri_useless", Code(s_web with { Type = "service" }));
        Assert.Equal("redirect_uri_useless", Code(new ApplicationDraft("Job", "service") { Scopes = ["platform"], PostLogoutRedirectUris = ["https://app.test"] }));
        Assert.Equal("scopes_required", Code(s_web with { Scopes = [] }));
        Assert.Equal("grants_required", Code(s_web with { Grants = [] }));
        Assert.Equal("resources_required", Code(new ApplicationDraft("Api", "resourceServer")));
        Assert.Equal("resources_useless", Code(s_web with { Type = "browser", Resources = ["https://api.test"] }));
        Assert.Equal("jwks_useless", Code(s_web with { Type = "native", KeySet = "{}" }));
        Assert.Equal("application_type_invalid", Code(s_web with { Type = "Web" }));
        Assert.Equal("application_type_invalid", Code(s_web with { Type = null }));
        Assert.Equal("signing_algorithm_invalid", Code(s_web with { SigningAlgorithm = "none" }));
        Assert.Equal("ES256", Allowed(s_web with { SigningAlgorithm = "ES256" }).SigningAlgorithm);
        Assert.Equal("redirect_uris_too_many", Code(s_web with { RedirectUris = [.. Enumerable.Range(0, 21).Select(i => $"https://app.test/{i}")] }));
        Assert.Equal("redirect_uri_invalid", Code(s_web with { RedirectUris = [null] }));
        Assert.Equal("redirect_uri_invalid", Code(s_web with { PostLogoutRedirectUris = ["javascript:alert(1)"] }));
        Assert.Equal("scope_invalid", Code(s_web with { Scopes = ["authorized-keys:read"] }));
        Assert.Equal("scope_invalid", Code(s_web with { Scopes = ["everything"] }));
        Assert.Equal("scope_invalid", Code(s_web with { Scopes = [null] }));
        Assert.Equal(["openid", "platform"], Allowed(s_web with { Scopes = ["openid", "platform", "openid"] }).Scopes);
    }

    [Theory, Trait("Case", "W5")]
    [InlineData("javascript:alert(1)")]
    [InlineData("data:image/png;base64,AA")]
    [InlineData("http://app.test/logo.png")]
    [InlineData("//app.test/logo.png")]
    [InlineData("https://user@app.test/logo.png")]
    [InlineData("https://app.test/logo.png#x")]
    [InlineData("https://app.test/lo go.png")]
    [InlineData("https://app.test/\"onerror=alert(1)")]
    [InlineData("logo.png")]
    public void A_logo_is_an_https_address(string logo)
    {
        Assert.Equal("logo_uri_invalid", Code(s_web with { LogoUri = logo }));
        Assert.Equal("https://app.test/logo.png", Allowed(s_web with { LogoUri = "https://app.test/logo.png" }).LogoUri);
    }

    [Theory, Trait("Case", "O1")]
    [InlineData("https://id.example.test/platform", "resource_reserved")]
    [InlineData("https://id.example.test/api", "resource_reserved")]
    [InlineData("https://ID.example.test", "resource_reserved")]
    [InlineData("https://id.example.test:8443/x", "resource_reserved")]
    [InlineData("http://id.example.test/api", "resource_reserved")]
    [InlineData("https://id.example.test.evil.test/api", null)]
    [InlineData("https://api.test", null)]
    [InlineData("urn:example:api", null)]
    [InlineData("api", "resource_invalid")]
    [InlineData("/api", "resource_invalid")]
    [InlineData("https://api.test/#x", "resource_invalid")]
    [InlineData("https://api.test/a b", "resource_invalid")]
    [InlineData("https://u@api.test/", "resource_invalid")]
    [InlineData("file:///x", "resource_invalid")]
    [InlineData("", "resource_invalid")]
    public void An_organizations_application_answers_for_no_audience_of_the_server(string resource, string? code)
    {
        var draft = new ApplicationDraft("Api", "resourceServer") { Resources = [resource] };
        Assert.Equal(code, Code(draft));
        if (code == "resource_reserved")
            Assert.Null(ApplicationRules.Decide(draft, isServerWide: true, s_origin).Problem);
    }

    private static string? Code(ApplicationDraft draft) => ApplicationRules.Decide(draft, isServerWide: false, s_origin).Problem?.Code;

    private static ApplicationSettings Allowed(ApplicationDraft draft)
    {
        Assert.True(ApplicationRules.Decide(draft, isServerWide: false, s_origin).TryGet(out var settings, out var problem), problem?.Detail);
        return settings;
    }
}
