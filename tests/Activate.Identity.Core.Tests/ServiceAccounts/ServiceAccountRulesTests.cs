using Activate.Identity.Core.Organizations;
using Activate.Identity.Core.ServiceAccounts;

namespace Activate.Identity.Core.Tests.ServiceAccounts;

public sealed class ServiceAccountRulesTests
{
    [Theory]
    [InlineData(Role.Member, Role.Member, "insufficient_role")]
    [InlineData(Role.Member, Role.Admin, "insufficient_role")]
    [InlineData(Role.Admin, Role.Member, null)]
    [InlineData(Role.Admin, Role.Admin, null)]
    [InlineData(Role.Admin, Role.Owner, "role_invalid")]
    [InlineData(Role.Owner, Role.Admin, null)]
    [InlineData(Role.Owner, Role.Owner, "role_invalid")]
    public void No_account_is_above_its_maker_and_none_is_an_owner(Role actor, Role wanted, string? code) => Assert.Equal(code, ServiceAccountRules.GiveRole(actor, wanted)?.Code);

    [Theory]
    [InlineData(null, "description_required")]
    [InlineData("  ", "description_required")]
    [InlineData("two\nlines", "description_invalid")]
    [InlineData("hidden\u202Etext", "description_invalid")]
    [InlineData("  copies results  ", null)]
    public void A_description_is_one_line(string? text, string? code) => Assert.Equal(code, ServiceAccountRules.ParseDescription(text).Problem?.Code);

    [Fact]
    public void A_description_has_an_end()
    {
        Assert.Null(ServiceAccountRules.ParseDescription(new string('ä', 200)).Problem);
        Assert.Equal("description_too_long", ServiceAccountRules.ParseDescription(new string('ä', 201)).Problem?.Code);
        Assert.Equal("description_too_long", ServiceAccountRules.ParseDescription(new string('a', 1_000_000)).Problem?.Code);
    }

    [Fact]
    public void There_are_one_to_twenty_keepers_each_once()
    {
        Assert.Equal("keepers_invalid", ServiceAccountRules.ParseKeepers(null).Problem?.Code);
        Assert.Equal("keepers_invalid", ServiceAccountRules.ParseKeepers([]).Problem?.Code);
        Assert.Equal("keepers_invalid", ServiceAccountRules.ParseKeepers([.. Enumerable.Range(0, 21).Select(i => $"k{i}")]).Problem?.Code);
        Assert.Equal("keepers_invalid", ServiceAccountRules.ParseKeepers(["ada", null]).Problem?.Code);
        Assert.Equal("keepers_invalid", ServiceAccountRules.ParseKeepers(["Not A Name"]).Problem?.Code);
        Assert.True(ServiceAccountRules.ParseKeepers(["ada", "grace", "ada"]).TryGet(out var keepers, out _));
        Assert.Equal(["ada", "grace"], keepers);
    }
}
