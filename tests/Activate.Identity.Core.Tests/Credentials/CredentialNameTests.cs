using System.Text;
using Activate.Identity.Core.Credentials;

namespace Activate.Identity.Core.Tests.Credentials;

public sealed class CredentialNameTests
{
    [Theory]
    [InlineData("nightly")]
    [InlineData("a")]
    [InlineData("Ada's laptop (2nd) — \"blue\" <b>&amp;</b>")]
    [InlineData("login-node-07")]
    [InlineData("Übersicht")]
    [InlineData("ноутбук")]
    [InlineData("夜間ジョブ")]
    [InlineData("حاسوب")]
    [InlineData("नमस्ते")]
    [InlineData("two  spaces")]
    public void A_printable_name_is_kept_as_typed(string name) => AssertKept(name, name);

    [Theory]
    [InlineData("  nightly ", "nightly")]
    [InlineData("\u00A0nightly\u3000", "nightly")]
    [InlineData("cre\u0300me", "crème")]
    public void Space_around_it_is_dropped_and_accents_are_composed(string typed, string kept) => AssertKept(kept, typed);

    [Theory]
    [InlineData("🚀")]
    [InlineData("laptop 💻 of Ada")]
    [InlineData("🇫🇷")]
    [InlineData("👋🏽")]
    [InlineData("1️⃣")]
    [InlineData("❤️")]
    [InlineData("👩‍💻")]
    [InlineData("👩🏽‍💻 box")]
    [InlineData("👨‍👩‍👧‍👦")]
    [InlineData("🏳️‍🌈")]
    [InlineData("🤷🏽‍♀️")]
    [InlineData("🙂‍↔️")]
    public void An_emoji_of_several_code_points_is_one_character(string name) => AssertKept(name, name);

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("   ")]
    [InlineData("\t\n")]
    [InlineData("\u3000")]
    public void A_name_must_be_given(string? name) => AssertRefused("name_required", name);

    [Theory, Trait("Case", "B4")]
    [InlineData("a\0b")]
    [InlineData("a\nb")]
    [InlineData("nightly\n")]
    [InlineData("a\u001B[31mb")]
    [InlineData("a\u007Fb")]
    [InlineData("a\u0085b")]
    [InlineData("a\u2028b")]
    [InlineData("a\u2029b")]
    [InlineData("a\u00ADb")]
    [InlineData("a\u200Bb")]
    [InlineData("a\u200Cb")]
    [InlineData("a\u200Db")]
    [InlineData("a\u2060b")]
    [InlineData("\uFEFFab")]
    [InlineData("a\u200Eb")]
    [InlineData("a\u202Eb")]
    [InlineData("a\u2066b\u2069")]
    [InlineData("a\uE000b")]
    [InlineData("a\uFFFFb")]
    [InlineData("a\uFFFEb")]
    [InlineData("a\uFFFDb")]
    [InlineData("a\uD800b")]
    [InlineData("a\uDC00b")]
    [InlineData("ab\uD83D")]
    [InlineData("🏴\U000E0067\U000E0062\U000E007F")]
    public void Control_zero_width_direction_changing_and_broken_characters_are_refused(string name) => AssertRefused("name_invalid", name);

    /// <summary>Letters and marks that draw nothing: with them two names look the same, or one looks like none.</summary>
    [Theory, Trait("Case", "B4")]
    [InlineData("\u3164")]
    [InlineData("a\u3164")]
    [InlineData("\u115F")]
    [InlineData("\u1160")]
    [InlineData("\uFFA0")]
    [InlineData("\u2800")]
    [InlineData("a\u034Fb")]
    [InlineData("a\u17B4b")]
    [InlineData("a\u180Bb")]
    [InlineData("a\uFE00b")]
    [InlineData("a\U000E0100b")]
    public void Characters_that_draw_nothing_are_refused(string name) => AssertRefused("name_invalid", name);

    /// <summary>What joins emoji is welcome between emoji only.</summary>
    [Theory, Trait("Case", "B4")]
    [InlineData("\uFE0F")]
    [InlineData("a\uFE0F")]
    [InlineData(" \uFE0Fa")]
    [InlineData("\u200D💻")]
    [InlineData("👩\u200D")]
    [InlineData("👩\u200Da")]
    [InlineData("a\u200D💻")]
    [InlineData("👩\u200D\u200D💻")]
    [InlineData("👩\u200D \u200D💻")]
    public void A_joiner_without_emoji_on_both_sides_is_refused(string name) => AssertRefused("name_invalid", name);

    [Fact]
    public void Sixty_four_characters_are_accepted_and_sixty_five_are_not()
    {
        foreach (var character in new[] { "a", "é", "e\u0301", "夜", "🚀" })
        {
            var name = string.Concat(Enumerable.Repeat(character, 64));
            AssertKept(name.Normalize(), name);
            AssertRefused("name_too_long", name + character);
        }
    }

    [Fact]
    public void What_would_not_fit_its_column_is_too_long()
    {
        // One character each, but 18 when normalized: the column holds 256.
        AssertRefused("name_too_long", new string('\uFDFA', 64));
        AssertRefused("name_too_long", "a" + new string('\u0301', 200));
        AssertRefused("name_too_long", string.Concat(Enumerable.Repeat("👨‍👩‍👧‍👦", 12)));
        AssertRefused("name_too_long", new string('a', 1024 * 1024));
    }

    [Fact]
    public void Every_accepted_name_and_its_normal_form_fit_their_columns()
    {
        var random = new Random(20261123);
        for (var i = 0; i < 5_000; i++)
        {
            var text = new StringBuilder();
            for (var length = random.Next(1, 70); length > 0; length--)
                text.Append(random.Next(4) == 0 ? (char)random.Next(0xF900, 0xFFF0) : (char)random.Next(0x20, 0x3400));
            if (!CredentialName.Parse(text.ToString()).TryGet(out var name, out _))
                continue;
            Assert.InRange(name.Length, 1, 128);
            Assert.InRange(CredentialName.Normalize(name).Length, 1, 256);
        }
    }

    [Theory, Trait("Case", "R7")]
    [InlineData("nightly", "Nightly")]
    [InlineData("nightly", "ｎｉｇｈｔｌｙ")]
    [InlineData("ﬁle", "file")]
    [InlineData("x²", "x2")]
    [InlineData("crème", "CRE\u0300ME")]
    [InlineData("❤️", "❤")]
    [InlineData("👩‍💻", "👩💻")]
    public void Names_that_look_the_same_count_as_the_same(string one, string other) => Assert.Equal(CredentialName.Normalize(one), CredentialName.Normalize(other));

    [Fact]
    public void Different_names_do_not() => Assert.NotEqual(CredentialName.Normalize("nightly"), CredentialName.Normalize("nightly2"));

    [Fact]
    public void Normalizing_twice_changes_nothing()
    {
        for (var code = 0x20; code <= 0x1FFFF; code++)
        {
            if (code is >= 0xD800 and <= 0xDFFF || !CredentialName.IsPrintable(char.ConvertFromUtf32(code)))
                continue;
            var once = CredentialName.Normalize(char.ConvertFromUtf32(code));
            Assert.Equal(once, CredentialName.Normalize(once));
        }
    }

    private static void AssertKept(string expected, string typed)
    {
        Assert.True(CredentialName.Parse(typed).TryGet(out var kept, out var problem), problem?.Code);
        Assert.Equal(expected, kept);
    }

    private static void AssertRefused(string code, string? name)
    {
        var problem = CredentialName.Parse(name, "theField").Problem;
        Assert.Equal((code, "theField"), (problem?.Code, problem?.Field));
    }
}
