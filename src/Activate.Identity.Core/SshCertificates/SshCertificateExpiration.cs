using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Errors;
using Activate.Identity.Core.Expiration;
using Activate.Identity.Core.SshKeys;

namespace Activate.Identity.Core.SshCertificates;

/// <summary>
/// When a certificate ends. It is a sign-in, so the limits of tokens hold; it certifies an SSH key, so a key that the policy ends, or ended, is not made to live on by it; and
/// it comes from a session, which it never outlives.
/// </summary>
public static class SshCertificateExpiration
{
    /// <param name="tokens">The effective limits of tokens, in hours.</param>
    /// <param name="sshKeys">The effective limits of SSH keys.</param>
    /// <param name="requested">Absent: the default.</param>
    /// <param name="now">UTC.</param>
    /// <param name="firstAddedAt">When the owner added this key to their account for the first time; now for one that they never did.</param>
    /// <param name="keyPolicyEndsAt">The end that an earlier policy gave this key. Null: none did.</param>
    /// <param name="sessionEndsAt">The end of the sign-in.</param>
    /// <param name="field">The request's field of the lifetime, for the problem.</param>
    public static Result<Expiration.Expiration> Decide(
        ExpirationLimits tokens, ExpirationLimits sshKeys, Optional<int?> requested, DateTime now, DateTime firstAddedAt, DateTime? keyPolicyEndsAt, DateTime sessionEndsAt, string field)
    {
        if (!ExpirationPolicy.Decide(tokens, requested, now, field).TryGet(out var expiration, out var problem))
            return problem;
        var keyEnd = SshKeyExpiration.Earliest(SshKeyExpiration.Latest(sshKeys, firstAddedAt), keyPolicyEndsAt);
        if (keyEnd <= now)
            return SshKeyExpiration.EndedByPolicy;
        if (keyEnd < expiration.ExpiresAt)
            expiration = new Expiration.Expiration(keyEnd, ExpiresBecause.Policy);
        return sessionEndsAt < expiration.ExpiresAt ? new Expiration.Expiration(sessionEndsAt, ExpiresBecause.Parent) : expiration;
    }
}
