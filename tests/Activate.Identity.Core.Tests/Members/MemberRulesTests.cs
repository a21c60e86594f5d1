using Activate.Identity.Core.Members;
using Activate.Identity.Core.Organizations;

namespace Activate.Identity.Core.Tests.Members;

public class MemberRulesTests
{
    private static readonly Guid s_one = Guid.Parse("0199aaaa-0000-7000-8000-000000000001");
    private static readonly Guid s_other = Guid.Parse("0199aaaa-0000-7000-8000-000000000002");

    [Theory]
    [InlineData(Role.Member, Role.Member, "insufficient_role")]
    [InlineData(Role.Admin, Role.Member, null)]
    [InlineData(Role.Admin, Role.Admin, "owner_required")]
    [InlineData(Role.Admin, Role.Owner, "owner_required")]
    [InlineData(Role.Owner, Role.Admin, null)]
    [InlineData(Role.Owner, Role.Owner, null)]
    public void Administrators_invite_members_and_owners_everybody(Role actor, Role role, string? problem) =>
        Assert.Equal(problem, MemberRules.Invite(actor, role)?.Code);

    [Theory]
    [InlineData(Role.Member, Role.Member, false, false, "insufficient_role")]
    [InlineData(Role.Admin, Role.Member, false, false, null)]
    [InlineData(Role.Admin, Role.Admin, false, false, null)]
    [InlineData(Role.Admin, Role.Owner, false, false, "owner_required")]
    [InlineData(Role.Owner, Role.Owner, false, false, null)]
    [InlineData(Role.Owner, Role.Member, false, true, "operator_required")]
    [InlineData(Role.Owner, Role.Owner, true, true, null)]
    [InlineData(Role.Member, Role.Member, true, false, "insufficient_role")]
    public void Nobody_touches_a_higher_role_and_only_operators_an_operator(Role actor, Role target, bool actorRuns, bool targetRuns, string? problem) =>
        Assert.Equal(problem, MemberRules.Change(new MemberStanding(s_one, actor, actorRuns), new MemberStanding(s_other, target, targetRuns))?.Code);

    [Fact]
    public void Everybody_may_end_what_is_their_own() =>
        Assert.Null(MemberRules.Change(new MemberStanding(s_one, Role.Member, false), new MemberStanding(s_one, Role.Member, false)));

    [Theory]
    [InlineData(Role.Member, "insufficient_role")]
    [InlineData(Role.Admin, "owner_required")]
    [InlineData(Role.Owner, null)]
    public void Only_owners_give_roles(Role actor, string? problem) => Assert.Equal(problem, MemberRules.GiveRole(new MemberStanding(s_one, actor, true))?.Code);

    [Theory]
    [InlineData("member", Role.Member)]
    [InlineData("admin", Role.Admin)]
    [InlineData("owner", Role.Owner)]
    public void A_role_is_read_from_its_word(string word, Role role)
    {
        Assert.True(Roles.Parse(word).TryGet(out var parsed, out _));
        Assert.Equal((role, word), (parsed, role.Word()));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("Owner")]
    [InlineData("3")]
    [InlineData("owner ")]
    [InlineData("operator")]
    public void What_is_no_role_is_not_guessed_at(string? word) => Assert.Equal(("role_invalid", "role"), (Roles.Parse(word).Problem?.Code, Roles.Parse(word).Problem?.Field));
}
