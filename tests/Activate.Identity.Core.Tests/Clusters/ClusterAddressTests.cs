using Activate.Identity.Core.Clusters;
using Activate.Identity.Core.Errors;

namespace Activate.Identity.Core.Tests.Clusters;

public sealed class ClusterAddressTests
{
    [Theory]
    [InlineData("frontier")]
    [InlineData("login.frontier.example.org")]
    [InlineData("LOGIN-01.example.org")]
    [InlineData("1and1.example")]
    [InlineData("10.0.0.7")]
    [InlineData("::1")]
    [InlineData("2001:db8::7")]
    [InlineData("2001:DB8:0:0:0:0:0:7")]
    [InlineData("::ffff:10.0.0.7")]
    public void What_ssh_takes_for_a_host_is_kept_as_typed(string address)
    {
        Assert.True(ClusterAddress.Parse(address).TryGet(out var kept, out _));
        Assert.Equal(address, kept);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("[::1]")]
    [InlineData("fe80::1%eth0")]
    [InlineData("::1%<script>")]
    [InlineData("::1%$(id)")]
    [InlineData("::1%\u001b[31m")]
    [InlineData("::1%\0x")]
    [InlineData("a\0b")]
    [InlineData("a_b.example")]
    [InlineData("-oProxyCommand=x")]
    [InlineData("-J")]
    [InlineData("a-.example")]
    [InlineData("a..example")]
    [InlineData(".example")]
    [InlineData("example.")]
    [InlineData("a\nb")]
    [InlineData("a b")]
    [InlineData("host:22")]
    [InlineData("user@host")]
    [InlineData("https://host/")]
    [InlineData("ex\u00adample.org")]
    [InlineData("ex\u202eample.org")]
    [InlineData("exаmple.org")]
    [InlineData("例え.jp")]
    [InlineData("１０.0.0.7")]
    // Other spellings of IPv4 addresses.
    [InlineData("10.7")]
    [InlineData("167772167")]
    [InlineData("0x7f.1")]
    [InlineData("127.0.0.0x1")]
    [InlineData("010.0.0.7")]
    [InlineData("10.0.0.256")]
    [InlineData("10.0.0.7.8")]
    [InlineData(":::")]
    [InlineData("1:2:3")]
    public void Nothing_else_is_an_address(string? address)
    {
        var problem = ClusterAddress.Parse(address).Problem;
        Assert.Equal((ProblemKind.Invalid, "address_invalid", "address"), (problem?.Kind, problem?.Code, problem?.Field));
    }

    [Fact]
    public void A_name_has_at_most_253_characters_and_a_label_63()
    {
        Assert.Null(ClusterAddress.Parse(new string('a', 63)).Problem);
        Assert.NotNull(ClusterAddress.Parse(new string('a', 64)).Problem);
        var name = string.Join('.', Enumerable.Repeat(new string('a', 62), 4));
        Assert.Null(ClusterAddress.Parse($"{name}.a").Problem);
        Assert.NotNull(ClusterAddress.Parse($"{name}.aa").Problem);
    }
}
