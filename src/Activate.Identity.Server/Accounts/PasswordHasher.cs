using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Activate.Identity.Core.Accounts;
using Activate.Identity.Data.Accounts;
using Microsoft.AspNetCore.Identity;
using NSec.Cryptography;

namespace Activate.Identity.Server.Accounts;

/// <summary>
/// Argon2id as a PHC string, so that each hash says how it was made and the figures can be raised later:
/// <code>
/// $argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$…
///  │        │    │                │ 16 bytes salt         │ 32 bytes hash, both base64 without padding
///  │        │    19 MiB, two passes: OWASP's figures
/// </code>
/// About 25 ms each: call it through <see cref="PasswordGate"/>.
/// </summary>
public sealed class PasswordHasher : IPasswordHasher<User>
{
    /// <summary>Longer passwords are refused before anything is computed.</summary>
    public const int LargestPassword = 1024 * 1024;

    private const int HashLength = 32;
    private const int SaltLength = 16;
    private static readonly Figures s_current = new(Memory: 19456, Passes: 2);

    public string HashPassword(User user, string password) => Hash(password);

    public PasswordVerificationResult VerifyHashedPassword(User user, string hashedPassword, string providedPassword) => Verify(hashedPassword, providedPassword);

    /// <exception cref="ArgumentException">The password is not valid text or too long; <see cref="PasswordRules"/> refuses such a one before.</exception>
    public static string Hash(string password)
    {
        if (!TryEncode(password, out var bytes))
            throw new ArgumentException("Not a password.", nameof(password));
        return Format(s_current, bytes);
    }

    /// <summary>Also checks passwords against hashes with other figures, and then asks for a new hash. An unknown format is never a match.</summary>
    public static PasswordVerificationResult Verify(string hash, string password)
    {
        if (!TryParse(hash, out var figures, out var salt, out var expected) || !TryEncode(password, out var bytes))
            return PasswordVerificationResult.Failed;
        if (!CryptographicOperations.FixedTimeEquals(Derive(figures, bytes, salt, expected.Length), expected))
            return PasswordVerificationResult.Failed;
        return figures == s_current && expected.Length == HashLength ? PasswordVerificationResult.Success : PasswordVerificationResult.SuccessRehashNeeded;
    }

    private static string Format(Figures figures, byte[] password)
    {
        var salt = RandomNumberGenerator.GetBytes(SaltLength);
        var hash = Derive(figures, password, salt, HashLength);
        return string.Create(CultureInfo.InvariantCulture, $"$argon2id$v=19$m={figures.Memory},t={figures.Passes},p=1${Encode(salt)}${Encode(hash)}");
    }

    private static bool TryEncode(string password, out byte[] bytes)
    {
        bytes = [];
        if (password.Length > LargestPassword || Encoding.UTF8.GetByteCount(password) > LargestPassword || !PasswordRules.TryNormalize(password, out var normalized))
            return false;
        bytes = Encoding.UTF8.GetBytes(normalized);
        return true;
    }

    private static byte[] Derive(Figures figures, byte[] password, byte[] salt, int length) =>
        new Argon2id(new Argon2Parameters { DegreeOfParallelism = 1, MemorySize = figures.Memory, NumberOfPasses = figures.Passes })
            .DeriveBytes(password, salt, length);

    private static bool TryParse(string text, out Figures figures, out byte[] salt, out byte[] hash)
    {
        (figures, salt, hash) = (s_current, [], []);
        var parts = text.Split('$');
        if (parts is not ["", "argon2id", "v=19", var settings, var saltText, var hashText])
            return false;
        var values = settings.Split(',');
        if (values is not [['m', '=', .. var memoryText], ['t', '=', .. var passesText], "p=1"]
            || !int.TryParse(memoryText, NumberStyles.None, CultureInfo.InvariantCulture, out var memory)
            || !int.TryParse(passesText, NumberStyles.None, CultureInfo.InvariantCulture, out var passes)
            // Bounds of what we would ever have written: a row that was tampered with must not make us allocate gigabytes.
            || memory is < 1024 or > 262144 || passes is < 1 or > 16
            || !TryDecode(saltText, out salt) || salt.Length != SaltLength
            || !TryDecode(hashText, out hash) || hash.Length is < 16 or > 64)
            return false;
        figures = new Figures(memory, passes);
        return true;
    }

    private static string Encode(byte[] bytes) => Convert.ToBase64String(bytes).TrimEnd('=');

    private static bool TryDecode(string text, out byte[] bytes)
    {
        var padded = text.PadRight((text.Length + 3) / 4 * 4, '=');
        bytes = new byte[padded.Length];
        if (!Convert.TryFromBase64String(padded, bytes, out var length))
            return false;
        bytes = bytes[..length];
        return true;
    }

    /// <param name="Memory">KiB.</param>
    /// <param name="Passes">Over the memory.</param>
    private readonly record struct Figures(int Memory, int Passes);
}
