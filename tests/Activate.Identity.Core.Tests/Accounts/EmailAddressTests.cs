using Activate.Identity.Core.Accounts;

namespace Activate.Identity.Core.Tests.Accounts;

public sealed class EmailAddressTests
{
    private const string Local64 = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    [Theory]
    [InlineData("ada@example.org")]
    [InlineData("Ada.Byron@Example.ORG")]
    [InlineData("ada+hpc@example.org")]
    [InlineData("o'hara_{x}|y@example.org")]
    [InlineData("a@b.co")]
    [InlineData("1@2.org")]
    [InlineData("ada@xn--bcher-kva.example")]
    [InlineData("ada@mail.3com.example")]
    [InlineData(Local64 + "@example.org")]
    public void An_ordinary_address_is_kept_as_typed(string email)
    {
        Assert.True(EmailAddress.Parse(email).TryGet(out var kept, out _));
        Assert.Equal(email, kept);
    }

    [Fact]
    public void Space_around_an_address_is_dropped()
    {
        Assert.True(EmailAddress.Parse(" ada@example.org \n").TryGet(out var kept, out _));
        Assert.Equal("ada@example.org", kept);
    }

    [Theory]
    [InlineData(null, "email_required")]
    [InlineData("", "email_required")]
    [InlineData(" \n", "email_required")]
    [InlineData("ada", "email_invalid")]
    [InlineData("@example.org", "email_invalid")]
    [InlineData("ada@", "email_invalid")]
    [InlineData("ada@example", "email_invalid")]
    [InlineData("ada@@example.org", "email_invalid")]
    [InlineData("ada@evil.test@example.org", "email_invalid")]
    [InlineData(".ada@example.org", "email_invalid")]
    [InlineData("ada.@example.org", "email_invalid")]
    [InlineData("ada..byron@example.org", "email_invalid")]
    [InlineData("ada@.example.org", "email_invalid")]
    [InlineData("ada@example.org.", "email_invalid")]
    [InlineData("ada@example..org", "email_invalid")]
    [InlineData("ada@-example.org", "email_invalid")]
    [InlineData("ada@example-.org", "email_invalid")]
    [InlineData("ada@exa_mple.org", "email_invalid")]
    [InlineData("ada@[127.0.0.1]", "email_invalid")]
    [InlineData("ada@127.0.0.1", "email_invalid")]
    [InlineData("\"ada\"@example.org", "email_invalid")]
    [InlineData("Ada <ada@example.org>", "email_invalid")]
    [InlineData("ada@example.org,eve@evil.test", "email_invalid")]
    [InlineData("ada@example.org\r\nBcc: eve@evil.test", "email_invalid")]
    [InlineData("ada\n@example.org", "email_invalid")]
    [InlineData("ada byron@example.org", "email_invalid")]
    [InlineData("ada@example.org\0", "email_invalid")]
    [InlineData(Local64 + "a@example.org", "email_invalid")]
    public void What_cannot_be_mailed_to_is_refused(string? email, string code)
    {
        var problem = EmailAddress.Parse(email, "theField").Problem;
        Assert.Equal((code, "theField"), (problem?.Code, problem?.Field));
    }

    [Theory, Trait("Case", "B4"), Trait("Case", "R7")]
    [InlineData("аda@example.org")]
    [InlineData("ada@ехample.org")]
    [InlineData("ada@bücher.example")]
    [InlineData("ａda@example.org")]
    [InlineData("ada@example\u3002org")]
    [InlineData("a\u200Bda@example.org")]
    [InlineData("\u202Eada@example.org")]
    [InlineData("ada@example.org\uD800")]
    [InlineData("İda@example.org")]
    public void No_address_looks_like_another_because_only_ASCII_is_taken(string email) => Assert.Equal("email_invalid", EmailAddress.Parse(email).Problem?.Code);

    [Fact]
    public void An_address_has_at_most_254_characters_and_a_label_63()
    {
        var label = new string('a', 63);
        Assert.Null(EmailAddress.Parse($"a@{label}.{label}.{label}.{new string('a', 60)}").Problem);
        Assert.Equal("email_invalid", EmailAddress.Parse($"a@{label}.{label}.{label}.{new string('a', 61)}").Problem?.Code);
        Assert.Equal("email_invalid", EmailAddress.Parse($"a@{label}a.org").Problem?.Code);
    }

    [Theory, Trait("Case", "R7")]
    [InlineData("ada@example.org", "ADA@Example.Org")]
    [InlineData("I@example.org", "i@example.org")]
    public void Two_addresses_that_differ_in_case_are_the_same(string one, string other) => Assert.Equal(EmailAddress.Normalize(one), EmailAddress.Normalize(other));

    [Fact]
    public void Two_different_addresses_are_not_the_same() => Assert.NotEqual(EmailAddress.Normalize("a.da@example.org"), EmailAddress.Normalize("ada@example.org"));
}
