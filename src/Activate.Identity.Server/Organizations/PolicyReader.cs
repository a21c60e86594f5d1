using Activate.Identity.Core.Expiration;

namespace Activate.Identity.Server.Organizations;

/// <summary>The policy that counts for an organization: its own under the server's ceiling.</summary>
public sealed class PolicyReader(PolicyCeiling ceiling)
{
    // Organizations cannot change their policy yet: each has the fresh one.
    private readonly Policy _effective = Policy.Strictest(Policy.Fresh, ceiling.Policy);

    public Policy Effective(Guid organizationId)
    {
        _ = organizationId;
        return _effective;
    }
}
