using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using Activate.Identity.Core.Credentials;

namespace Activate.Identity.Core.SecondFactors;

/// <summary>
/// Codes on paper for the day on which the telephone is lost: 12 characters of 32 (60 bits), shown <c>4x7k-9wtq-m2hc</c>. The alphabet is Crockford's: no letter that reads
/// like a digit, and who types one anyway means the digit.
/// </summary>
public static class RecoveryCodes
{
    public const string Alphabet = "0123456789abcdefghjkmnpqrstvwxyz";
    public const int Length = 12;

    /// <summary>How many are made at a time.</summary>
    public const int Count = 10;

    /// <summary>New codes in their stored form, without dashes.</summary>
    public static IReadOnlyList<string> Generate() => [.. Enumerable.Range(0, Count).Select(_ => RandomNumberGenerator.GetString(Alphabet, Length))];

    public static string Display(string code) => $"{code[..4]}-{code[4..8]}-{code[8..]}";

    /// <summary>Reads what a person typed: any case, with or without dashes and spaces, ASCII only.</summary>
    public static bool TryParse(string? typed, [NotNullWhen(true)] out string? code) => TypedCode.TryParse(
        typed, Alphabet, Length, static c => (c is >= 'A' and <= 'Z' ? (char)(c | 32) : c) switch { 'o' => '0', 'i' or 'l' => '1', var other => other }, out code);
}
