namespace Activate.Identity.Server.SecondFactors;

/// <summary>
/// How somebody signed in, as ID tokens tell it (<c>amr</c>, RFC 8176), space-separated. Only what is known: a passkey proves possession of a key (<c>pop</c>) and that
/// somebody was there (<c>user</c>) and was recognized, by which the two are <c>mfa</c>; whether hardware holds the key (<c>hwk</c>) nobody has attested. A code on paper has no
/// value of its own.
/// </summary>
internal static class AuthenticationMethods
{
    public const string Passkey = "pop user mfa";

    public static string WithTotp(string methods) => $"{methods} otp mfa";

    public static string WithRecoveryCode(string methods) => $"{methods} mfa";

    public static string WithPasskey(string methods) => $"{methods} {Passkey}";
}
