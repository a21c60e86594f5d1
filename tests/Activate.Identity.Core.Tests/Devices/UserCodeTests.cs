using Activate.Identity.Core.Devices;

namespace Activate.Identity.Core.Tests.Devices;

public sealed class UserCodeTests
{
    [Theory, Trait("Case", "D13")]
    [InlineData("WDJBMJHT")]
    [InlineData("WDJB-MJHT")]
    [InlineData("wdjb-mjht")]
    [InlineData("wDjBmJhT")]
    [InlineData("WDJB MJHT")]
    [InlineData("W D J B M J H T")]
    [InlineData("  wdjb - mjht  ")]
    [InlineData("--WD-JB--MJHT-")]
    [InlineData("WDJBMJHT\n")]
    [InlineData("WDJB-MJHT\r\n")]
    [InlineData("\tWDJB\tMJHT")]
    public void A_code_is_read_in_every_way_people_type_it(string typed)
    {
        Assert.True(UserCode.TryParse(typed, out var code));
        Assert.Equal("WDJBMJHT", code);
    }

    [Theory, Trait("Case", "D13"), Trait("Case", "B4")]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("        ")]
    [InlineData("--------")]
    [InlineData("WDJBMJH")]
    [InlineData("WDJBMJHTW")]
    [InlineData("WDJB-MJH")]
    [InlineData("WDJB-MJHT-W")]
    [InlineData("WDJBMJHA")]
    [InlineData("WDJBMJHY")]
    [InlineData("WDJBMJH0")]
    [InlineData("WDJBMJH_")]
    [InlineData("ＷＤＪＢＭＪＨＴ")]
    [InlineData("WDJBMJHＴ")]
    [InlineData("WDJBMJH１")]
    [InlineData("WDJB\u2013MJHT")]
    [InlineData("WDJB\u00A0MJHT")]
    [InlineData("WDJB\u200BMJHT")]
    [InlineData("\u202EWDJBMJHT")]
    [InlineData("WDJBMJH\u0301T")]
    [InlineData("WDJBMJH\0T")]
    [InlineData("WDJBMJH\uD800")]
    [InlineData("WDJBMJH💥")]
    public void Everything_else_is_no_code(string? typed)
    {
        Assert.False(UserCode.TryParse(typed, out var code));
        Assert.Null(code);
    }

    /// <summary>The Kelvin sign lower-cases to k, the dotted capital I and the dotless small one become I and i somewhere: none is a letter here.</summary>
    [Theory, Trait("Case", "D13"), Trait("Case", "B4")]
    [InlineData('\u212A')]
    [InlineData('İ')]
    [InlineData('ı')]
    [InlineData('ſ')]
    [InlineData('В')]
    [InlineData('Т')]
    public void A_character_that_only_looks_or_folds_like_a_letter_is_refused(char c) => Assert.False(UserCode.TryParse($"WDJBMJH{c}", out _));

    [Fact, Trait("Case", "D13")]
    public void No_character_outside_ASCII_is_ever_part_of_a_code()
    {
        for (var c = '\u0080'; c < char.MaxValue; c++)
        {
            Assert.False(UserCode.TryParse($"WDJBMJH{c}", out _));
            Assert.False(UserCode.TryParse($"WDJBMJHT{c}", out _));
        }
    }

    [Fact]
    public void A_megabyte_is_refused_as_fast_as_a_line()
    {
        var typed = new string('-', 1024 * 1024) + "WDJBMJHT";
        Assert.False(UserCode.TryParse(typed, out _));
        Assert.True(UserCode.TryParse(new string('-', 56) + "WDJBMJHT", out _));
        Assert.False(UserCode.TryParse(new string('-', 57) + "WDJBMJHT", out _));
    }

    [Fact]
    public void A_code_is_shown_in_two_groups_and_read_back()
    {
        Assert.Equal("WDJB-MJHT", UserCode.Display("WDJBMJHT"));
        for (var i = 0; i < 100; i++)
        {
            var code = UserCode.Generate();
            Assert.True(UserCode.TryParse(UserCode.Display(code), out var read));
            Assert.Equal(code, read);
        }
    }

    [Fact]
    public void The_letters_spell_nothing_and_are_no_digits()
    {
        Assert.Equal("BCDFGHJKLMNPQRSTVWXZ", UserCode.Alphabet);
        Assert.DoesNotContain(UserCode.Alphabet, c => "AEIOUY0123456789".Contains(c, StringComparison.Ordinal));
    }

    [Fact, Trait("Case", "C5")]
    public void The_letters_are_flat_at_every_position()
    {
        var codes = new List<string>();
        for (var i = 0; i < 50_000; i++)
            codes.Add(UserCode.Generate());
        Assert.All(codes, code => Assert.Equal(UserCode.Length, code.Length));
        Assert.InRange(Statistics.WorstDeviation(codes, UserCode.Alphabet), -8, 8);
    }

    /// <summary>Contract §4: the guesses at one given code in its life. Six would be one too many.</summary>
    [Fact, Trait("Case", "D3")]
    public void Guessing_one_given_code_succeeds_with_at_most_two_to_the_minus_32()
    {
        var codes = Math.Pow(UserCode.Alphabet.Length, UserCode.Length);
        Assert.True(UserCode.WrongGuesses / codes <= Math.Pow(2, -32));
        Assert.True((UserCode.WrongGuesses + 1) / codes > Math.Pow(2, -32));
        Assert.Equal(TimeSpan.FromMinutes(10), UserCode.Lifetime);
    }
}
