namespace Activate.Identity.Core.Tests;

/// <summary>The measure itself: it must see the bias that the tests with it are there to find.</summary>
public sealed class StatisticsTests
{
    private const string Alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    [Fact]
    public void A_fair_draw_stays_below_the_bound()
    {
        var random = new Random(1);
        Assert.True(Statistics.WorstDeviation([.. Draw(() => random.Next(62))], Alphabet) < 8);
    }

    [Fact]
    public void The_bias_of_a_byte_modulo_62_is_seen()
    {
        var random = new Random(1);
        Assert.True(Statistics.WorstDeviation([.. Draw(() => random.Next(256) % 62)], Alphabet) > 8);
    }

    private static IEnumerable<string> Draw(Func<int> next)
    {
        for (var i = 0; i < 10_000; i++)
            yield return string.Create(43, next, static (span, next) =>
            {
                for (var position = 0; position < span.Length; position++)
                    span[position] = Alphabet[next()];
            });
    }
}
