using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using Activate.Identity.Core.Credentials;

namespace Activate.Identity.Core.Devices;

/// <summary>
/// The code a person types to join a device to an account (RFC 8628 §6.1): 8 letters without vowels and look-alikes, shown <c>WDJB-MJHT</c>.
/// 20⁸ ≈ 2^34.6 codes: five guesses at one given code hit it with a chance below 2⁻³².
/// </summary>
public static class UserCode
{
    public const string Alphabet = "BCDFGHJKLMNPQRSTVWXZ";
    public const int Length = 8;

    /// <summary>The longest a code may wait for its person.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(10);

    /// <summary>Wrong codes one account may enter within <see cref="Lifetime"/>.</summary>
    public const int WrongGuesses = 5;

    /// <summary>A new code in its stored form, without the dash.</summary>
    public static string Generate() => RandomNumberGenerator.GetString(Alphabet, Length);

    public static string Display(string code) => $"{code[..4]}-{code[4..]}";

    /// <summary>Reads what a person typed: any case, with or without dashes and spaces, ASCII only.</summary>
    public static bool TryParse(string? typed, [NotNullWhen(true)] out string? code) =>
        TypedCode.TryParse(typed, Alphabet, Length, static c => c is >= 'a' and <= 'z' ? (char)(c - 32) : c, out code);
}
