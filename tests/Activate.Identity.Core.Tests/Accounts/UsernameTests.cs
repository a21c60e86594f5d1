using System.Text.RegularExpressions;
using Activate.Identity.Core.Accounts;
using Activate.Identity.Core.Errors;

namespace Activate.Identity.Core.Tests.Accounts;

public sealed class UsernameTests
{
    [Theory]
    [InlineData("a")]
    [InlineData("_")]
    [InlineData("ada")]
    [InlineData("ada-byron")]
    [InlineData("ada_byron")]
    [InlineData("_ada")]
    [InlineData("ada1815")]
    [InlineData("a-")]
    [InlineData("rooted")]
    [InlineData("abcdefghijklmnopqrstuvwxyz012345")]
    public void A_Unix_safe_name_is_kept_as_typed(string username)
    {
        Assert.True(Username.Parse(username).TryGet(out var kept, out _));
        Assert.Equal(username, kept);
    }

    [Theory]
    [InlineData("abcdefghijklmnopqrstuvwxyz0123456")]
    [InlineData("Ada")]
    [InlineData("aDa")]
    [InlineData("1ada")]
    [InlineData("-ada")]
    [InlineData("ada.byron")]
    [InlineData("ada byron")]
    [InlineData(" ada")]
    [InlineData("ada ")]
    [InlineData("ada\n")]
    [InlineData("ada\0")]
    [InlineData("ada$")]
    [InlineData("ada@example.org")]
    [InlineData("../ada")]
    [InlineData("ada;id")]
    [InlineData("--help")]
    public void What_no_cluster_would_take_is_refused(string username) => AssertRefused("username_invalid", username);

    [Theory, Trait("Case", "B4"), Trait("Case", "R7")]
    [InlineData("аda")]
    [InlineData("ａｄａ")]
    [InlineData("ada\u0301")]
    [InlineData("adá")]
    [InlineData("İda")]
    [InlineData("ıda")]
    [InlineData("straße")]
    [InlineData("\u212Aate")]
    [InlineData("ada\u200B")]
    [InlineData("\u202Eada")]
    [InlineData("ada\uD800")]
    [InlineData("ada💥")]
    [InlineData("ada\u0661")]
    public void No_name_looks_like_another_because_only_ASCII_is_taken(string username) => AssertRefused("username_invalid", username);

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    public void A_name_must_be_given(string? username) => AssertRefused("username_required", username);

    /// <summary>The names of contract §1, and some that would be a gift to whoever gets them.</summary>
    [Theory]
    [InlineData("root")]
    [InlineData("daemon")]
    [InlineData("nobody")]
    [InlineData("ubuntu")]
    [InlineData("rocky")]
    [InlineData("ec2-user")]
    [InlineData("opc")]
    [InlineData("centos")]
    [InlineData("debian")]
    [InlineData("admin")]
    [InlineData("azureuser")]
    [InlineData("slurm")]
    [InlineData("munge")]
    [InlineData("git")]
    [InlineData("sshd")]
    [InlineData("wheel")]
    [InlineData("sudo")]
    [InlineData("postgres")]
    [InlineData("me")]
    [InlineData("heat-admin")]
    [InlineData("stack")]
    [InlineData("hacluster")]
    [InlineData("ec2-instance-connect")]
    [InlineData("splunk")]
    public void System_and_cloud_image_accounts_are_reserved(string username) => AssertRefused("username_reserved", username);

    [Fact]
    public void Every_reserved_name_would_be_a_name_otherwise()
    {
        // A reserved name that cannot be typed is a spelling mistake in the list.
        Assert.All(Username.Reserved, name => Assert.Matches("^[a-z_][a-z0-9_-]{0,31}$", name));
        Assert.All(Username.Reserved, name => AssertRefused("username_reserved", name));
    }

    [Fact]
    public void Parse_agrees_with_the_expression_of_the_contract()
    {
        var contract = new Regex(@"^[a-z_][a-z0-9_-]{0,31}\z", RegexOptions.NonBacktracking);
        var random = new Random(20261123);
        const string Characters = "abz09_-AZ. \n\u0430é";
        for (var i = 0; i < 20_000; i++)
        {
            var name = new string([.. Enumerable.Range(0, random.Next(1, 36)).Select(_ => Characters[random.Next(random.Next(2) == 0 ? 7 : Characters.Length)])]);
            Assert.Equal(contract.IsMatch(name), Username.Parse(name).TryGet(out _, out _));
        }
    }

    private static void AssertRefused(string code, string? username)
    {
        var problem = Username.Parse(username, "theField").Problem;
        Assert.Equal((ProblemKind.Invalid, code, "theField"), (problem?.Kind, problem?.Code, problem?.Field));
    }
}
