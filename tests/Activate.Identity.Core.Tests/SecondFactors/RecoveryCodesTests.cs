using Activate.Identity.Core.SecondFactors;

namespace Activate.Identity.Core.Tests.SecondFactors;

public sealed class RecoveryCodesTests
{
    [Fact]
    public void Ten_are_made_and_each_is_read_back_as_it_is_shown()
    {
        var codes = RecoveryCodes.Generate();
        Assert.Equal(10, codes.Distinct().Count());
        Assert.All(codes, code =>
        {
            var shown = RecoveryCodes.Display(code);
            Assert.Matches("^[0-9a-hjkmnp-tv-z]{4}-[0-9a-hjkmnp-tv-z]{4}-[0-9a-hjkmnp-tv-z]{4}$", shown);
            Assert.True(RecoveryCodes.TryParse(shown, out var read));
            Assert.Equal(code, read);
        });
    }

    [Theory]
    [InlineData("4X7K-9WTQ-M2HC", "4x7k9wtqm2hc")]
    [InlineData(" 4x7k 9wtq m2hc ", "4x7k9wtqm2hc")]
    [InlineData("OIl0-0000-0000", "011000000000")]
    [InlineData("4x7k-9wtq-m2h", null)]
    [InlineData("4x7k-9wtq-m2hcc", null)]
    [InlineData("4x7u-9wtq-m2hc", null)]
    [InlineData("4x7\u212A-9wtq-m2hc", null)]
    [InlineData("123456", null)]
    [InlineData("", null)]
    [InlineData(null, null)]
    public void Any_case_dashes_and_look_alikes_are_read(string? typed, string? code)
    {
        Assert.Equal(code is not null, RecoveryCodes.TryParse(typed, out var read));
        Assert.Equal(code, read);
    }
}
