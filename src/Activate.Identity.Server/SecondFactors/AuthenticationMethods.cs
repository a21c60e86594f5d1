namespace Activate.Identity.Server.SecondFactors;

/// <summary>
/// How somebody signed in, as ID tokens tell it (<c>amr</c>, RFC 8176), space-separated. Only what is known: a passkey proves possession of a key (<c>pop</c>) and that
/// somebody was there (<c>user</c>) and was recognized, by which the two are <c>mfa</c>; whether hardware holds the key (<c>hwk</c>) nobody has attested. A code on paper has no
/// value of its own.
/// </summary>
internal static class AuthenticationMethods
{
    public const string Passkey = "pop user mfa";

    /// <summary>
    /// Signed in elsewhere. RFC 8176 has no value for it; others say <c>fed</c>. What the provider itself says was shown follows only where it is believed.
    /// </summary>
    public const string Federated = "fed";

    /// <summary>Those of RFC 8176 that a provider can have seen; of others nobody knows what they mean.</summary>
    private static readonly string[] s_ofProviders = ["pwd", "otp", "hwk", "swk", "pop", "sc", "pin", "user", "fpt", "face", "iris", "retina", "sms", "tel", "kba", "mca", "rba", "wia"];

    /// <param name="methods">As the provider says them.</param>
    /// <param name="believed">The organization trusts what it says.</param>
    /// <param name="two">And they were two factors.</param>
    public static string AtProvider(IReadOnlyList<string> methods, bool believed, bool two) =>
        string.Join(' ', [Federated, .. believed ? s_ofProviders.Where(methods.Contains).Take(8) : [], .. two ? ["mfa"] : Array.Empty<string>()]);

    public static string WithTotp(string methods) => $"{methods} otp mfa";

    public static string WithRecoveryCode(string methods) => $"{methods} mfa";

    public static string WithPasskey(string methods) => $"{methods} {Passkey}";
}
