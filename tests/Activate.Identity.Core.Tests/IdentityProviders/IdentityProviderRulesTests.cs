using Activate.Identity.Core.IdentityProviders;
using Activate.Identity.Core.Organizations;

namespace Activate.Identity.Core.Tests.IdentityProviders;

public class IdentityProviderRulesTests
{
    private static readonly IdentityProviderDraft s_draft = new("Example", "https://login.example.org", "activate");

    [Theory]
    [InlineData("https://login.example.org", null)]
    [InlineData("https://login.example.org/realms/main/", null)]
    [InlineData("https://[2001:db8::1]:8443/x", null)]
    [InlineData("http://localhost:5080/", null)]
    [InlineData("http://127.0.0.1:5080", null)]
    [InlineData("http://login.example.org", "issuer_insecure")]
    [InlineData("http://localhost.evil.test", "issuer_insecure")]
    [InlineData("ftp://login.example.org", "issuer_insecure")]
    [InlineData("javascript:alert(1)", "issuer_invalid")]
    [InlineData("file:///etc/passwd", "issuer_invalid")]
    [InlineData("https://login.example.org?x=1", "issuer_invalid")]
    [InlineData("https://login.example.org#x", "issuer_invalid")]
    [InlineData("https://ada@login.example.org", "issuer_invalid")]
    [InlineData("https://login.example.org\\evil", "issuer_invalid")]
    [InlineData("https://login.example.org/%2e", "issuer_invalid")]
    [InlineData("login.example.org", "issuer_invalid")]
    [InlineData("", "issuer_required")]
    [InlineData(null, "issuer_required")]
    public void An_issuer_is_https_and_reads_in_one_way(string? issuer, string? refusal) => Assert.Equal(refusal, IdentityProviderRules.Issuer(issuer, allowsLoopback: true).Problem?.Code);

    [Fact]
    public void Plain_http_is_for_development_alone() => Assert.Equal("issuer_insecure", IdentityProviderRules.Issuer("http://localhost:5080", allowsLoopback: false).Problem?.Code);

    [Theory]
    [InlineData("Example.ORG", "example.org")]
    [InlineData(" @example.org ", "example.org")]
    [InlineData("bücher.example", "xn--bcher-kva.example")]
    [InlineData("localhost", null)]
    [InlineData("example.org/x", null)]
    [InlineData("*.example.org", null)]
    [InlineData("exa mple.org", null)]
    [InlineData("", null)]
    public void A_domain_is_compared_in_one_form(string domain, string? form) => Assert.Equal(form, IdentityProviderRules.Domain(domain));

    [Fact]
    public void What_means_nothing_is_refused_with_its_field()
    {
        foreach (var (draft, code, field) in new (IdentityProviderDraft, string, string)[]
        {
            (s_draft with { Name = " " }, "name_required", "name"), (s_draft with { ClientId = "" }, "client_id_invalid", "clientId"), (s_draft with { Scopes = ["a b"] }, "scope_invalid", "scopes"),
            (s_draft with { AllowedDomains = ["nonsense"] }, "domain_invalid", "allowedDomains"), (s_draft with { RequiredClaim = "groups" }, "required_claim_invalid", "requiredClaim"),
            (s_draft with { Roles = new Dictionary<string, string?> { ["a"] = "admin" } }, "groups_claim_required", "groupsClaim"),
            (s_draft with { GroupsClaim = "groups", Roles = new Dictionary<string, string?> { ["a"] = "owner" } }, "role_not_from_outside", "roles"),
            (s_draft with { GroupsClaim = "groups", Roles = new Dictionary<string, string?> { ["a"] = "operator" } }, "role_invalid", "roles"),
            (s_draft with { MfaContexts = ["gold"] }, "mfa_not_trusted", "mfaContexts"), (s_draft with { PauseAfterDays = 0 }, "pause_invalid", "pauseAfterDays"),
        })
        {
            var problem = IdentityProviderRules.Decide(draft, allowsLoopback: false).Problem;
            Assert.Equal((code, field), (problem?.Code, problem?.Field));
        }
    }

    [Fact]
    public void Scopes_always_have_openid_and_lists_say_each_thing_once()
    {
        Assert.True(IdentityProviderRules.Decide(s_draft with { Scopes = ["groups", "groups"], AllowedDomains = ["example.org", "EXAMPLE.org"], GroupsClaim = "groups", Roles = new Dictionary<string, string?> { ["a"] = "admin" } }, false)
            .TryGet(out var settings, out _));
        Assert.Equal(["openid", "groups"], settings.Scopes);
        Assert.Equal(["example.org"], settings.AllowedDomains);
        Assert.Equal(Role.Admin, settings.Roles["a"]);
    }
}
