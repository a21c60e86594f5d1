using Activate.Identity.Core.Devices;

namespace Activate.Identity.Core.Tests.Devices;

public sealed class DeviceCodeTests
{
    private static readonly Guid s_id = new("019a0b1c-2d3e-7f40-8a5b-6c7d8e9f0a1b");

    [Fact, Trait("Case", "D1")]
    public void A_code_says_its_request_and_is_read_as_it_was_written()
    {
        var code = DeviceCode.Generate(s_id);
        Assert.Matches("^[A-Za-z0-9_-]{64}$", code.Reveal());
        Assert.True(DeviceCode.TryParse(code.Reveal(), out var read));
        Assert.Equal((s_id, code.Reveal()), (read.Id, read.Reveal()));
        Assert.Equal(code.Hash, read.Hash);
        Assert.Equal(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.ASCII.GetBytes(code.Reveal())), code.Hash);
    }

    [Fact, Trait("Case", "D1")]
    public void Two_codes_of_one_request_have_nothing_else_in_common()
    {
        var (one, other) = (DeviceCode.Generate(s_id), DeviceCode.Generate(s_id));
        // 16 bytes are 21 characters and a part of one.
        Assert.Equal(one.Reveal()[..21], other.Reveal()[..21]);
        Assert.NotEqual(one.Reveal()[22..], other.Reveal()[22..]);
        Assert.NotEqual(one.Hash, other.Hash);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("abc")]
    [InlineData("AZoLHC0-f0CKW2x9jp8KG5f5i1Qm2nE9v4hX0tYxWk3")]
    [InlineData("AZoLHC0-f0CKW2x9jp8KG5f5i1Qm2nE9v4hX0tYxWk3AZoLHC0-f0CKW2x9jp8KG ")]
    [InlineData("AZoLHC0-f0CKW2x9jp8KG5f5i1Qm2nE9v4hX0tYxWk3AZoLHC0-f0CKW2x9jp8K=")]
    [InlineData("AZoLHC0-f0CKW2x9jp8KG5f5i1Qm2nE9v4hX0tYxWk3AZoLHC0+f0CKW2x9jp8K/")]
    [InlineData("AZoLHC0-f0CKW2x9jp8KG5f5i1Qm2nE9v4hX0tYxWk3AZoLHC0-f0CKW2x9jp8\u00dfa")]
    public void Other_texts_are_no_codes(string? text) => Assert.False(DeviceCode.TryParse(text, out _));

    [Fact]
    public void It_does_not_show_itself()
    {
        var code = DeviceCode.Generate(s_id);
        Assert.DoesNotContain(code.Reveal(), $"{code}", StringComparison.Ordinal);
    }
}
