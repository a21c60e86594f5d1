using Activate.Identity.Core.Organizations;

namespace Activate.Identity.Core.Tests;

public sealed class ScopesTests
{
    [Fact]
    public void There_are_the_scopes_of_the_contract_and_no_others()
    {
        string[] contract =
        [
            "openid", "profile", "email", "offline_access", "platform", "credentials:read", "credentials:write", "organization:read", "organization:write", "audit:read",
            "authorized-keys:read",
        ];
        Assert.Equal(contract.Order(StringComparer.Ordinal), Scopes.All.Order(StringComparer.Ordinal));
        Assert.Equal(Scopes.All.Order(StringComparer.Ordinal), Scopes.Descriptions.Keys.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Each_is_described_in_words_of_its_own()
    {
        Assert.Distinct(Scopes.Descriptions.Values);
        Assert.All(Scopes.Descriptions.Values, text => Assert.Matches(@"^[A-Z][^.]{10,80}[^.]$", text));
    }

    [Fact]
    public void Default_gives_the_platform_and_a_list_of_ones_own_and_nothing_sensitive()
    {
        Assert.Equal(["platform", "credentials:read"], Scopes.Default);
        Assert.DoesNotContain(Scopes.Default, Scopes.Sensitive.Contains);
    }

    [Fact]
    public void The_two_write_scopes_are_sensitive() => Assert.Equal(["credentials:write", "organization:write"], Scopes.Sensitive.Order(StringComparer.Ordinal));

    [Theory]
    [InlineData("openid")]
    [InlineData("profile")]
    [InlineData("email")]
    [InlineData("offline_access")]
    [InlineData("authorized-keys:read")]
    public void A_key_carries_no_scope_of_a_sign_in_or_of_a_cluster(string scope) => Assert.DoesNotContain(scope, Scopes.ForKeys.AsEnumerable());

    [Fact]
    public void Keys_may_carry_the_default() => Assert.Subset(new HashSet<string>(Scopes.ForKeys), new HashSet<string>(Scopes.Default));

    [Theory]
    [InlineData(Role.Member, "openid profile email offline_access platform credentials:read credentials:write organization:read authorized-keys:read")]
    [InlineData(Role.Admin, "openid profile email offline_access platform credentials:read credentials:write organization:read organization:write audit:read authorized-keys:read")]
    [InlineData(Role.Owner, "openid profile email offline_access platform credentials:read credentials:write organization:read organization:write audit:read authorized-keys:read")]
    public void Nobody_gets_more_than_the_role_allows(Role role, string expected)
    {
        string[] asked =
        [
            "openid", "profile", "email", "offline_access", "platform", "credentials:read", "credentials:write", "organization:read", "organization:write", "audit:read",
            "authorized-keys:read",
        ];
        Assert.Equal(expected, string.Join(' ', Scopes.AllowedTo(role, asked)));
    }

    [Fact]
    public void A_role_adds_nothing_that_was_not_granted() => Assert.Equal(["platform"], Scopes.AllowedTo(Role.Owner, ["platform"]));

    [Fact]
    public void A_higher_role_may_all_that_a_lower_one_may()
    {
        Assert.Subset(new HashSet<string>(Scopes.AllowedTo(Role.Admin, Scopes.All)), new HashSet<string>(Scopes.AllowedTo(Role.Member, Scopes.All)));
        Assert.Subset(new HashSet<string>(Scopes.AllowedTo(Role.Owner, Scopes.All)), new HashSet<string>(Scopes.AllowedTo(Role.Admin, Scopes.All)));
    }
}
