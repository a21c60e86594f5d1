using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Errors;
using Activate.Identity.Core.Expiration;

namespace Activate.Identity.Core.SshKeys;

/// <summary>When an SSH key ends. The same key can be brought again and again, so its clock runs from the first time that its owner added it.</summary>
public static class SshKeyExpiration
{
    public static readonly Problem EndedByPolicy = new(ProblemKind.Refused, "ssh_key_ended_by_policy",
        "This key has had the time that your organization's policy gives one key; deleting and adding it again gains nothing. Make a new key pair with ssh-keygen, or ask an administrator to allow this one again.",
        "publicKey");

    /// <param name="limits">The effective limits of SSH keys.</param>
    /// <param name="requested">As for every credential.</param>
    /// <param name="now">UTC.</param>
    /// <param name="firstAddedAt">When the owner added this key for the first time; now for a new one.</param>
    /// <param name="policyEndsAt">The end that an earlier policy, or a cut, gave this key: it is final, whatever the policy says now. Null: none did.</param>
    /// <param name="field">The request's field of the lifetime, for the problem.</param>
    public static Result<Expiration.Expiration> Decide(
        ExpirationLimits limits, Optional<int?> requested, DateTime now, DateTime firstAddedAt, DateTime? policyEndsAt, string field)
    {
        if (!ExpirationPolicy.Decide(limits, requested, now, field).TryGet(out var expiration, out var problem))
            return problem;
        if (Earliest(Latest(limits, firstAddedAt), policyEndsAt) is not { } latest)
            return expiration;
        if (latest <= now)
            return EndedByPolicy;
        return expiration.ExpiresAt <= latest ? expiration : new Expiration.Expiration(latest, ExpiresBecause.Policy);
    }

    /// <summary>The end that the policy sets for a key, whatever its owner asks for; null when it sets none.</summary>
    public static DateTime? Latest(ExpirationLimits limits, DateTime firstAddedAt)
    {
        limits = limits.Enforced();
        return limits.Longest is { } days ? firstAddedAt + limits.Span(days) : null;
    }

    /// <summary>The earlier of two ends; null is never.</summary>
    public static DateTime? Earliest(DateTime? a, DateTime? b) => a is null || b < a ? b : a;
}
