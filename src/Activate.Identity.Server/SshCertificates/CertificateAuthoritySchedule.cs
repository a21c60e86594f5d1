using Activate.Identity.Core.Expiration;
using Activate.Identity.Server.Keys;

namespace Activate.Identity.Server.SshCertificates;

/// <summary>
/// The times in the life of a certificate authority (docs/decisions/0015):
/// <code>
/// made ─── every host pulled it ─── signs ─────────── the next one signs ──── its last certificate ends ── retired
///                Lead (1 h)                 Period (365 d)          LongestCertificate (24 h)      Margin (10 min)
/// </code>
/// </summary>
public static class CertificateAuthoritySchedule
{
    /// <summary>From making to signing: a host pulls every few minutes. The first one of an organization signs at once: no host has an older set.</summary>
    public static readonly TimeSpan Lead = TimeSpan.FromHours(1);

    /// <summary>From when a scheduled rotation is due.</summary>
    public static readonly TimeSpan Period = TimeSpan.FromDays(365);

    /// <summary>A certificate is a sign-in, and those are the tokens'.</summary>
    public static readonly TimeSpan LongestCertificate = TimeSpan.FromHours(Policy.LongestTokenHours);

    /// <summary>A certificate counts a little before it was issued: hosts' clocks differ from ours.</summary>
    public static readonly TimeSpan ClockSkew = TimeSpan.FromMinutes(5);

    /// <summary>Of an organization, at once: sshd reads them all at each login with a certificate.</summary>
    public const int MostAuthorities = 8;

    /// <param name="nextSignsFrom">From when the authority after it signs.</param>
    public static DateTime RetiresAt(DateTime nextSignsFrom) => nextSignsFrom + LongestCertificate + SigningKeySchedule.Margin;
}
