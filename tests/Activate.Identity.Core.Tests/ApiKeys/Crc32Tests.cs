using System.Text;
using Activate.Identity.Core.ApiKeys;

namespace Activate.Identity.Core.Tests.ApiKeys;

public sealed class Crc32Tests
{
    [Theory]
    [InlineData("", 0x00000000u)]
    [InlineData("a", 0xE8B7BE43u)]
    [InlineData("abc", 0x352441C2u)]
    [InlineData("123456789", 0xCBF43926u)]
    [InlineData("The quick brown fox jumps over the lazy dog", 0x414FA339u)]
    public void Compute_gives_the_published_check_values(string text, uint expected) => Assert.Equal(expected, Crc32.Compute(text));

    /// <summary>Bit by bit, as the polynomial says: whatever makes the real one faster must not change an answer, at no length.</summary>
    [Fact]
    public void Compute_agrees_with_the_definition_at_every_length()
    {
        var random = new Random(20261123);
        for (var length = 0; length <= 512; length++)
        {
            var text = new StringBuilder();
            for (var i = 0; i < length; i++)
                text.Append((char)random.Next(0x20, 0x7F));
            Assert.Equal(Definition(text.ToString()), Crc32.Compute(text.ToString()));
        }
    }

    private static uint Definition(string text)
    {
        var crc = uint.MaxValue;
        foreach (var c in text)
        {
            crc ^= c;
            for (var bit = 0; bit < 8; bit++)
                crc = (crc >> 1) ^ ((crc & 1) * 0xEDB88320u);
        }

        return ~crc;
    }
}
