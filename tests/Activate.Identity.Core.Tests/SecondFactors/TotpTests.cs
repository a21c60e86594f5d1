using System.Globalization;
using System.Text;
using Activate.Identity.Core.SecondFactors;

namespace Activate.Identity.Core.Tests.SecondFactors;

public sealed class TotpTests
{
    private static readonly byte[] s_key = "12345678901234567890"u8.ToArray();

    /// <summary>RFC 6238, appendix B, SHA-1, the last six of its eight digits.</summary>
    [Theory]
    [InlineData("1970-01-01T00:00:59Z", "287082")]
    [InlineData("2005-03-18T01:58:29Z", "081804")]
    [InlineData("2005-03-18T01:58:31Z", "050471")]
    [InlineData("2009-02-13T23:31:30Z", "005924")]
    [InlineData("2033-05-18T03:33:20Z", "279037")]
    [InlineData("2603-10-11T11:33:20Z", "353130")]
    public void Codes_are_those_of_the_standard(string time, string code)
    {
        var now = DateTime.Parse(time, CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal);
        Assert.Equal(code, Totp.CodeAt(s_key, Totp.StepAt(now)));
        Assert.Equal(Totp.StepAt(now), Totp.Match(s_key, code, now));
    }

    [Fact]
    public void A_code_counts_one_step_before_and_after_its_own_and_no_longer()
    {
        var now = new DateTime(2026, 11, 29, 8, 0, 15, DateTimeKind.Utc);
        var code = Totp.CodeAt(s_key, Totp.StepAt(now));
        foreach (var (seconds, matches) in ((int, bool)[])[(-60, false), (-30, true), (0, true), (30, true), (60, false)])
            Assert.Equal(matches, Totp.Match(s_key, code, now.AddSeconds(seconds)) == Totp.StepAt(now));
        Assert.Null(Totp.Match(s_key, "000000" == code ? "000001" : "000000", now));
    }

    [Theory]
    [InlineData("123456", true)]
    [InlineData(" 123 456 ", true)]
    [InlineData("12345", false)]
    [InlineData("1234567", false)]
    [InlineData("１２３４５６", false)]
    [InlineData("12345a", false)]
    [InlineData("", false)]
    [InlineData(null, false)]
    public void Six_ascii_digits_are_read_with_spaces(string? typed, bool reads) => Assert.Equal(reads, Totp.TryParse(typed, out _));

    [Theory]
    [InlineData("12345678901234567890", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")]
    [InlineData("fooba", "MZXW6YTB")]
    public void The_key_is_shown_in_base_32(string key, string text) => Assert.Equal(text, Totp.Text(Encoding.ASCII.GetBytes(key)));

    [Fact]
    public void The_address_names_issuer_and_account_and_what_apps_expect() => Assert.Equal(
        "otpauth://totp/ACTIVATE:ada?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=ACTIVATE&algorithm=SHA1&digits=6&period=30", Totp.Uri(s_key, "ACTIVATE", "ada"));

    [Fact]
    public void Keys_have_160_bits_and_differ()
    {
        Assert.Equal(20, Totp.GenerateKey().Length);
        Assert.NotEqual(Totp.GenerateKey(), Totp.GenerateKey());
    }
}
