using System.Net;
using Activate.Identity.Core.ApiKeys;

namespace Activate.Identity.Core.Tests.ApiKeys;

public sealed class AllowedAddressesTests
{
    private static AllowedAddresses Parse(params string?[] ranges) =>
        AllowedAddresses.Parse(ranges).TryGet(out var addresses, out var problem) ? addresses : throw new InvalidOperationException(problem.Detail);

    [Theory]
    [InlineData("192.0.2.7", "192.0.2.7/32")]
    [InlineData("192.0.2.7/32", "192.0.2.7/32")]
    [InlineData("10.0.0.0/8", "10.0.0.0/8")]
    [InlineData("128.0.0.0/1", "128.0.0.0/1")]
    [InlineData("2001:DB8:0:0::/32", "2001:db8::/32")]
    [InlineData("2001:db8::7", "2001:db8::7/128")]
    [InlineData("8000::/1", "8000::/1")]
    [InlineData("::1", "::1/128")]
    [InlineData("::ffff:192.0.2.0/120", "192.0.2.0/24")]
    [InlineData("::ffff:c000:207", "192.0.2.7/32")]
    [InlineData("64:ff9b::192.0.2.0/120", "64:ff9b::c000:200/120")]
    public void A_range_has_one_form(string written, string canonical)
    {
        var parsed = Parse(written);
        Assert.Equal([canonical], parsed.Ranges);
        Assert.Equal(canonical, parsed.ToString());
        Assert.Equal([canonical], AllowedAddresses.Read(parsed.ToString()).Ranges);
        Assert.Equal([canonical], Parse(canonical).Ranges);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData(" 10.0.0.0/8")]
    [InlineData("10.0.0.0/8 ")]
    [InlineData("10.0.0.0 /8")]
    [InlineData("10")]
    [InlineData("10.1")]
    [InlineData("10.0.1")]
    [InlineData("010.0.0.1")]
    [InlineData("0x7f.0.0.1")]
    [InlineData("10.0.0.256")]
    [InlineData("10.0.0.1.1")]
    [InlineData("10.0.0.0/")]
    [InlineData("10.0.0.0/08")]
    [InlineData("10.0.0.0/+8")]
    [InlineData("10.0.0.0/-8")]
    [InlineData("10.0.0.0/33")]
    [InlineData("10.0.0.0/8/8")]
    [InlineData("10.0.0.0/255.0.0.0")]
    [InlineData("2001:db8::/129")]
    [InlineData("2001:db8::/4294967328")]
    [InlineData("[2001:db8::]/32")]
    [InlineData("2001:db8:::/32")]
    [InlineData("fe80::1%eth0")]
    [InlineData("fe80::%1/64")]
    [InlineData("::ffff:010.0.0.1")]
    [InlineData("example.test")]
    [InlineData("*")]
    [InlineData("10.0.0.0/8,192.0.2.0/24")]
    [InlineData("１0.0.0.1")]
    [InlineData("/8")]
    public void What_is_no_address_or_can_be_read_in_two_ways_is_refused(string? written)
    {
        var problem = AllowedAddresses.Parse([written]).Problem;
        Assert.Equal(("allowed_addresses_invalid", "allowedAddresses"), (problem?.Code, problem?.Field));
    }

    [Theory]
    [InlineData("10.0.0.1/8", "10.0.0.0/8", "10.0.0.1/32")]
    [InlineData("2001:db8::1/32", "2001:db8::/32", "2001:db8::1/128")]
    [InlineData("::ffff:0:0/95", "::fffe:0:0/95", "/128")]
    public void Bits_behind_the_prefix_are_refused_with_both_readings(string written, string range, string address)
    {
        var problem = AllowedAddresses.Parse([written]).Problem;
        Assert.Equal("allowed_addresses_invalid", problem?.Code);
        Assert.Contains(range, problem!.Detail, StringComparison.Ordinal);
        Assert.Contains(address, problem.Detail, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("0.0.0.0/0")]
    [InlineData("::/0")]
    [InlineData("::ffff:0:0/96")]
    public void Everything_is_no_limit(string written) => Assert.Contains("limits nothing", AllowedAddresses.Parse([written]).Problem?.Detail, StringComparison.Ordinal);

    [Fact]
    public void One_to_twenty_and_each_once()
    {
        Assert.NotNull(AllowedAddresses.Parse([]).Problem);
        var twenty = Enumerable.Range(0, 20).Select(i => $"10.{i}.0.0/16").ToArray();
        Assert.Equal(twenty, Parse(twenty).Ranges);
        Assert.NotNull(AllowedAddresses.Parse([.. twenty, "10.99.0.0/16"]).Problem);
        Assert.Equal(["192.0.2.7/32"], Parse("192.0.2.7", "192.0.2.7/32", "::ffff:192.0.2.7").Ranges);
        var longest = Enumerable.Range(0, 20).Select(i => $"fd00:1111:2222:3333:4444:5555:6666:77{i + 10}/128").ToArray();
        Assert.InRange(Parse(longest).ToString().Length, 1, AllowedAddresses.LongestText);
    }

    [Theory]
    [InlineData("192.0.2.0/24", "192.0.2.255", true)]
    [InlineData("192.0.2.0/24", "::ffff:192.0.2.255", true)]
    [InlineData("192.0.2.0/24", "192.0.3.0", false)]
    [InlineData("192.0.2.0/24", "::192.0.2.1", false)]
    [InlineData("2001:db8::/33", "2001:db8:7fff::1", true)]
    [InlineData("2001:db8::/33", "2001:db8:8000::1", false)]
    [InlineData("::ffff:192.0.2.7", "192.0.2.7", true)]
    [InlineData("::/1", "192.0.2.7", false)]
    [InlineData("::/1", "::ffff:192.0.2.7", false)]
    [InlineData("fe80::/64", "fe80::1%3", true)]
    public void It_contains_what_it_says(string range, string address, bool contained) => Assert.Equal(contained, Parse(range).Contain(IPAddress.Parse(address)));

    [Fact]
    public void An_unknown_address_is_in_no_list() => Assert.False(Parse("128.0.0.0/1", "8000::/1").Contain(null));

    /// <summary>Whatever a mutation of a range is taken for, it is taken for the same when it is read again, and holds its own first address.</summary>
    [Fact, Trait("Case", "B3")]
    public void Mutations_are_refused_or_have_one_meaning()
    {
        var random = new Random(7);
        const string Alphabet = "0123456789abcdefABCDEF.:/%[] x";
        string[] seeds = ["192.0.2.0/24", "10.0.0.1", "2001:db8::/32", "::ffff:192.0.2.0/120", "fe80::1/128"];
        var accepted = 0;
        for (var i = 0; i < 20_000; i++)
        {
            var text = new List<char>(seeds[i % seeds.Length]);
            for (var changes = random.Next(1, 4); changes > 0; changes--)
            {
                var place = random.Next(text.Count);
                switch (random.Next(3))
                {
                    case 0:
                        text[place] = Alphabet[random.Next(Alphabet.Length)];
                        break;
                    case 1:
                        text.Insert(place, Alphabet[random.Next(Alphabet.Length)]);
                        break;
                    default:
                        text.RemoveAt(place);
                        break;
                }
            }

            if (!AllowedAddresses.Parse([new string([.. text])]).TryGet(out var parsed, out var problem))
            {
                Assert.Equal("allowed_addresses_invalid", problem.Code);
                continue;
            }

            accepted++;
            var range = Assert.Single(parsed.Ranges);
            Assert.Equal(range, Assert.Single(Parse(range).Ranges));
            Assert.True(parsed.Contain(IPNetwork.Parse(range).BaseAddress), range);
        }

        Assert.InRange(accepted, 100, 19_000);
    }
}
