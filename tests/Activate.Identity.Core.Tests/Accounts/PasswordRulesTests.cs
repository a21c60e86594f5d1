using System.Diagnostics;
using System.Text;
using Activate.Identity.Core.Accounts;

namespace Activate.Identity.Core.Tests.Accounts;

[Trait("Case", "W22")]
public sealed class PasswordRulesTests
{
    private static readonly string?[] s_about = ["ada", "ada.byron@example.test", "Hydrology Lab", null];

    [Theory]
    [InlineData("tangle orbit fern")]
    [InlineData("river stone window")]
    [InlineData("x7#Kq!vR2$mZ")]
    [InlineData("nur kleine buchstaben")]
    [InlineData("paßwörter für Übermorgen")]
    [InlineData("сложный пароль тут")]
    [InlineData("雨が降る川のほとりで猫が眠る")]
    [InlineData("🦀🌊🔭🧪🎷🚲🌵🍋🧊🪁🛰🧵")]
    [InlineData("ada likes tall mountains")]
    [InlineData("a password nobody would think of")]
    [InlineData("73914682057316")]
    public void A_long_and_unusual_password_is_accepted(string password)
    {
        Assert.True(PasswordRules.Parse(password, s_about).TryGet(out var kept, out var problem), problem?.Code);
        Assert.Equal(password, kept);
    }

    [Theory]
    [InlineData(64)]
    [InlineData(128)]
    [InlineData(256)]
    public void A_passphrase_of_many_characters_is_accepted_and_nothing_is_cut_off(int length)
    {
        var password = Random(length, 1);
        Assert.True(PasswordRules.Parse(password, s_about).TryGet(out var kept, out var problem), problem?.Code);
        Assert.Equal(password, kept);
    }

    [Theory]
    [InlineData(11, "password_too_short")]
    [InlineData(12, null)]
    [InlineData(256, null)]
    [InlineData(257, "password_too_long")]
    [InlineData(1024, "password_too_long")]
    [InlineData(1025, "password_too_long")]
    public void The_length_counts_what_a_person_calls_characters(int length, string? code)
    {
        Assert.Equal(code, PasswordRules.Parse(Random(length, 2), s_about).Problem?.Code);
        // Two UTF-16 units, one character.
        var emoji = string.Concat(Enumerable.Range(0, length).Select(i => char.ConvertFromUtf32(0x1F400 + (i * 7 % 256))));
        Assert.Equal(code, PasswordRules.Parse(emoji, s_about).Problem?.Code);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    public void A_password_must_be_given(string? password) => AssertRefused("password_required", password);

    [Fact]
    public void A_megabyte_is_refused_without_touching_it()
    {
        var password = new string('e', 1024 * 1024) + "\u0301";
        PasswordRules.Parse(password, s_about);
        var before = GC.GetAllocatedBytesForCurrentThread();
        AssertRefused("password_too_long", password);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 16 * 1024);
    }

    [Theory, Trait("Case", "B3")]
    [InlineData("\uFDFA")]
    [InlineData("a\u0301")]
    [InlineData("ab")]
    [InlineData("👨‍👩‍👧‍👦")]
    [InlineData("\u0301")]
    public void The_worst_strings_of_the_greatest_length_are_answered_at_once(string piece)
    {
        var password = string.Concat(Enumerable.Repeat(piece, 1024 / piece.Length));
        PasswordRules.Parse(password, s_about);
        var watch = Stopwatch.StartNew();
        PasswordRules.Parse(password, s_about);
        Assert.InRange(watch.ElapsedMilliseconds, 0, 250);
    }

    [Fact, Trait("Case", "B4")]
    public void A_password_typed_on_another_keyboard_is_the_same_password()
    {
        const string Composed = "crème brûlée à Genève";
        var decomposed = Composed.Normalize(NormalizationForm.FormD);
        Assert.NotEqual(Composed, decomposed);
        Assert.True(PasswordRules.Parse(decomposed, s_about).TryGet(out var kept, out _));
        Assert.Equal(Composed, kept);
    }

    [Fact]
    public void Spaces_count_and_stay()
    {
        const string Password = "  tangle  orbit  fern  ";
        Assert.True(PasswordRules.Parse(Password, s_about).TryGet(out var kept, out _));
        Assert.Equal(Password, kept);
    }

    [Theory, Trait("Case", "B4")]
    [InlineData("tangle orbit fern\uD800")]
    [InlineData("\uDC00tangle orbit fern")]
    [InlineData("tangle \uDE00\uD83D orbit fern")]
    [InlineData("tangle orbit fern\uFFFD")]
    [InlineData("tangle orbit fern\uFFFE")]
    [InlineData("tangle orbit fern\uFFFF")]
    public void What_is_not_valid_text_is_refused(string password)
    {
        AssertRefused("password_invalid", password);
        Assert.False(PasswordRules.TryNormalize(password, out _));
    }

    [Fact, Trait("Case", "B4")]
    public void No_character_makes_normalizing_throw()
    {
        for (var code = 0; code <= char.MaxValue; code++)
            PasswordRules.TryNormalize($"a{(char)code}b", out _);
        for (var code = 0x10000; code <= 0x10FFFF; code += 0xFF)
            PasswordRules.TryNormalize(char.ConvertFromUtf32(code), out _);
    }

    [Theory]
    [InlineData("password1234")]
    [InlineData("Password1234")]
    [InlineData("1234password")]
    [InlineData("2024password2024")]
    [InlineData("password!!!!")]
    [InlineData("Password@123")]
    [InlineData("P@ssw0rd2024!")]
    [InlineData("(password)2026")]
    [InlineData("Welcome@2026")]
    [InlineData("Admin@123456")]
    [InlineData("Pass@1234567")]
    [InlineData("pass word 1234")]
    [InlineData("qwerty123456")]
    [InlineData("qwertyuiop12")]
    [InlineData("asdfgh123456")]
    [InlineData("letmein12345")]
    [InlineData("administrator")]
    [InlineData("correcthorsebatterystaple")]
    [InlineData("Correct Horse Battery Staple")]
    [InlineData("correct-horse-battery-staple")]
    [InlineData("hello world!")]
    [InlineData("!@#$%^&*()_+")]
    [InlineData("ｐａｓｓｗｏｒｄ１２３４")]
    public void A_password_on_every_list_is_refused_however_it_is_padded(string password) => AssertRefused("password_too_common", password);

    [Theory]
    [InlineData("aaaaaaaaaaaa")]
    [InlineData("abababababab")]
    [InlineData("xkfxkfxkfxkf")]
    [InlineData("tangleorbit tangleorbit")]
    [InlineData("tangle tangle tangle")]
    [InlineData("147258369014725836901472583690")]
    public void A_password_that_repeats_a_short_one_is_refused(string password) => AssertRefused("password_too_common", password);

    [Theory]
    [InlineData("1234567890123456")]
    [InlineData("12345678910111213")]
    [InlineData("9876543210987654")]
    [InlineData("abcdefghijklmno")]
    [InlineData("abc123456789")]
    [InlineData("a123456789012")]
    [InlineData("zyxwvutsrqponm")]
    [InlineData("qwertyuiopasdf")]
    [InlineData("poiuytrewqlkj")]
    [InlineData("1q2w3e4r5t6y7u8i")]
    [InlineData("1qaz2wsx3edc4rfv")]
    [InlineData("aabbccddeeff")]
    public void A_walk_along_the_alphabet_or_the_keyboard_is_refused(string password) => AssertRefused("password_too_common", password);

    [Theory]
    [InlineData("ada.byron1234")]
    [InlineData("AdaByron2026!")]
    [InlineData("ada592604817")]
    [InlineData("ada.byron@example.test")]
    [InlineData("ada.byron@example.test1")]
    [InlineData("hydrologylab7")]
    [InlineData("Hydrology Lab 7!")]
    [InlineData("hydrology-lab-ada")]
    [InlineData("ＨＹＤＲＯＬＯＧＹ ＬＡＢ")]
    [InlineData("xada1adaqada")]
    public void A_password_made_of_the_persons_own_names_is_refused(string password) => AssertRefused("password_too_common", password);

    [Fact]
    public void A_name_that_is_no_valid_text_does_not_get_in_the_way() =>
        Assert.Null(PasswordRules.Parse("tangle orbit fern", ["\uD800\uD800\uD800\uD800", "", "   ", "@", "@@@"]).Problem);

    [Fact]
    public void Random_passwords_are_not_mistaken_for_easy_ones()
    {
        foreach (var (alphabet, length) in new[] { ("abcdefghijklmnopqrstuvwxyz", 12), ("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", 12), ("0123456789abcdef", 32) })
        {
            var random = new Random(20261123);
            for (var i = 0; i < 3_000; i++)
            {
                var password = new string(random.GetItems<char>(alphabet, length));
                Assert.True(PasswordRules.Parse(password, s_about).Problem is null, password);
            }
        }
    }

    private static string Random(int length, int seed) => new(new Random(seed).GetItems<char>("abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", length));

    private static void AssertRefused(string code, string? password)
    {
        var problem = PasswordRules.Parse(password, s_about, "theField").Problem;
        Assert.Equal((code, "theField"), (problem?.Code, problem?.Field));
    }
}
