namespace Activate.Identity.Core.Tests;

/// <summary>Whether drawn characters are flat: chi-square for each position. A bound of eight standard deviations lets a fair generator fail once in many millions of runs.</summary>
internal static class Statistics
{
    /// <summary>How many standard deviations the worst position lies above what a fair draw gives.</summary>
    public static double WorstDeviation(IReadOnlyCollection<string> drawn, string alphabet)
    {
        var length = drawn.First().Length;
        var expected = (double)drawn.Count / alphabet.Length;
        var freedom = alphabet.Length - 1;
        var worst = double.NegativeInfinity;
        for (var position = 0; position < length; position++)
        {
            var counts = new int[128];
            foreach (var text in drawn)
                counts[text[position]]++;
            var chiSquare = alphabet.Sum(c => Math.Pow(counts[c] - expected, 2) / expected);
            worst = Math.Max(worst, (chiSquare - freedom) / Math.Sqrt(2.0 * freedom));
        }

        return worst;
    }
}
