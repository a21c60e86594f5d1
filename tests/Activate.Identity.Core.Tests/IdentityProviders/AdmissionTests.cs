using Activate.Identity.Core.IdentityProviders;
using Activate.Identity.Core.Organizations;

namespace Activate.Identity.Core.Tests.IdentityProviders;

public class AdmissionTests
{
    private static readonly IdentityProviderSettings s_closed = new("Example", "https://login.example.org", "activate");
    private static readonly IdentityProviderSettings s_byDomain = s_closed with { AllowedDomains = ["example.org"] };
    private static readonly IdentityProviderSettings s_byClaim = s_closed with { RequiredClaim = "groups", RequiredValue = "hpc" };
    private static readonly ExternalPerson s_ada = new("1") { Email = "ada@example.org", EmailVerified = true };

    private static ExternalPerson With(ExternalPerson person, string claim, params string[] values) => person with { Claims = new Dictionary<string, IReadOnlyList<string>> { [claim] = values } };

    [Fact]
    public void Without_a_rule_nobody_comes_without_an_invitation() => Assert.Equal("invitation_required", Admission.Refusal(s_closed, s_ada)?.Code);

    [Theory]
    [InlineData("ada@example.org", true, null)]
    [InlineData("ada@EXAMPLE.ORG", true, null)]
    [InlineData("ada+hpc@example.org", true, null)]
    [InlineData("ada@example.org", false, "email_not_verified")]
    [InlineData(null, true, "email_not_verified")]
    [InlineData("ada@sub.example.org", true, "domain_not_allowed")]
    [InlineData("ada@badexample.org", true, "domain_not_allowed")]
    [InlineData("ada@example.org.evil.test", true, "domain_not_allowed")]
    [InlineData("ada@evil.test@example.org", true, "domain_not_allowed")]
    [InlineData("@example.org", true, "domain_not_allowed")]
    [InlineData("example.org", true, "domain_not_allowed")]
    [InlineData("ada@еxample.org", true, "domain_not_allowed")]
    [Trait("Case", "O14")]
    public void A_domain_counts_exactly_and_only_with_a_verified_address(string? email, bool verified, string? refusal) =>
        Assert.Equal(refusal, Admission.Refusal(s_byDomain, s_ada with { Email = email, EmailVerified = verified })?.Code);

    [Fact]
    public void An_organization_may_believe_every_address()
    {
        var person = s_ada with { EmailVerified = false };
        Assert.Null(Admission.Refusal(s_byDomain with { TrustsEmail = true }, person));
        Assert.Equal("ada@example.org", Admission.EmailOf(s_byDomain with { TrustsEmail = true }, person));
        Assert.Null(Admission.EmailOf(s_byDomain, person));
    }

    [Fact]
    public void A_claim_needs_its_value_exactly_and_one_of_several_will_do()
    {
        Assert.Null(Admission.Refusal(s_byClaim, With(s_ada, "groups", "staff", "hpc")));
        foreach (var values in (string[][])[[], ["HPC"], ["hpc "], ["hpc,staff"]])
            Assert.Equal("claim_missing", Admission.Refusal(s_byClaim, With(s_ada, "groups", values))?.Code);
        Assert.Equal("claim_missing", Admission.Refusal(s_byClaim, s_ada)?.Code);
    }

    [Fact]
    public void A_domain_and_a_claim_are_both_asked_for()
    {
        var both = s_byDomain with { RequiredClaim = "groups", RequiredValue = "hpc" };
        Assert.Null(Admission.Refusal(both, With(s_ada, "groups", "hpc")));
        Assert.Equal("claim_missing", Admission.Refusal(both, s_ada)?.Code);
        Assert.Equal("domain_not_allowed", Admission.Refusal(both, With(s_ada with { Email = "ada@other.org" }, "groups", "hpc"))?.Code);
    }

    [Fact]
    public void Groups_give_the_highest_role_member_without_any_and_never_owner()
    {
        var provider = s_closed with { GroupsClaim = "groups", Roles = new Dictionary<string, Role> { ["admins"] = Role.Admin, ["users"] = Role.Member } };
        Assert.Equal(Role.Admin, Admission.RoleOf(provider, With(s_ada, "groups", "users", "admins")));
        Assert.Equal(Role.Member, Admission.RoleOf(provider, With(s_ada, "groups", "owners", "Admins")));
        Assert.Equal(Role.Member, Admission.RoleOf(provider, s_ada));
        Assert.Null(Admission.RoleOf(s_closed, With(s_ada, "groups", "admins")));
    }

    [Fact]
    public void Two_factors_are_believed_only_where_the_provider_is_and_says_so()
    {
        var trusting = s_closed with { TrustsMfa = true, MfaContexts = ["gold"] };
        Assert.True(Admission.HasTwoFactors(trusting, s_ada with { Methods = ["pwd", "mfa"] }));
        Assert.True(Admission.HasTwoFactors(trusting, s_ada with { Context = "gold" }));
        Assert.False(Admission.HasTwoFactors(trusting, s_ada with { Methods = ["pwd", "otp"], Context = "silver" }));
        Assert.False(Admission.HasTwoFactors(s_closed, s_ada with { Methods = ["pwd", "mfa"] }));
    }

    [Theory]
    [InlineData("ada", "ada", "ada2")]
    [InlineData("Ada.Byron@example.org", "ada-byron", "ada-byron2")]
    [InlineData("Åda Bÿron", "ada-byron", "ada-byron2")]
    [InlineData("4711", "u4711", "u47112")]
    [InlineData("root", "root2", "root3")]
    [InlineData("-- ;drop", "drop", "drop2")]
    [InlineData("Ⅷ", "viii", "viii2")]
    [InlineData("王", "ada", "ada2")]
    [InlineData("", "ada", "ada2")]
    [InlineData("a_b-c", "a_b-c", "a_b-c2")]
    [InlineData("abcdefghijklmnopqrstuvwxyzabcdefghij", "abcdefghijklmnopqrstuvwxyzabcdef", "abcdefghijklmnopqrstuvwxyzabcde2")]
    public void Usernames_are_made_to_fit_and_numbered(string preferred, string first, string second)
    {
        var names = UsernameProposal.For(s_ada with { PreferredUsername = preferred });
        Assert.Equal([first, second], names.Take(2));
        Assert.All(names, name => Assert.Null(Core.Accounts.Username.Parse(name).Problem));
        Assert.Equal(names.Count, names.Distinct().Count());
    }

    [Fact]
    public void Half_a_character_and_nothing_at_all_make_a_username_too()
    {
        Assert.Equal("x", UsernameProposal.For(new ExternalPerson("1") { PreferredUsername = "x\ud800" })[0]);
        Assert.Equal("person", UsernameProposal.For(new ExternalPerson("1"))[0]);
    }
}
