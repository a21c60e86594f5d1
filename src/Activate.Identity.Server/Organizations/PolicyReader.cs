using System.Collections.Concurrent;
using System.Text.Json;
using Activate.Identity.Core.Expiration;
using Activate.Identity.Data;
using Activate.Identity.Server.Credentials;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Organizations;

/// <summary>The policy that counts for an organization.</summary>
/// <param name="Effective">Its own under the server's ceiling.</param>
/// <param name="Version">Noted in each credential that is decided under it: cuts of later versions apply to that credential, however late it is stored.</param>
public sealed record OrganizationPolicy(Policy Effective, int Version);

/// <summary>
/// Reads the policy that counts for an organization, and keeps it for less than a second, so that issuing needs no read for it. A change on this node is felt at
/// once, one on another within a second. When the database cannot be read nothing is decided.
/// </summary>
public sealed class PolicyReader(IServiceScopeFactory scopes, PolicyCeiling ceiling, TimeProvider clock)
{
    private const int Capacity = 10_000;

    private readonly ConcurrentDictionary<Guid, Kept> _kept = new();
    private int _epoch;

    public async ValueTask<OrganizationPolicy> ReadAsync(Guid organizationId, CancellationToken cancellationToken)
    {
        var epoch = Volatile.Read(ref _epoch);
        if (_kept.TryGetValue(organizationId, out var kept) && kept.Epoch == epoch && clock.GetElapsedTime(kept.StartedAt) < CredentialCache.MaximumAge)
            return kept.Policy;
        var startedAt = clock.GetTimestamp();
        await using var scope = scopes.CreateAsyncScope();
        var row = await scope.ServiceProvider.GetRequiredService<ActivateDbContext>().Organizations
            .Where(organization => organization.Id == organizationId)
            .Select(organization => new { organization.Policy, organization.PolicyVersion })
            .SingleOrDefaultAsync(cancellationToken);
        if (row is null)
            // It is being made at this moment, in a transaction that this connection does not see.
            return new OrganizationPolicy(Effective(s_fresh), 0);
        var policy = new OrganizationPolicy(Effective(Document(row.Policy)), row.PolicyVersion);
        if (_kept.Count >= Capacity)
            _kept.Clear();
        _kept[organizationId] = new Kept(policy, epoch, startedAt);
        return policy;
    }

    /// <summary>A policy changed: nothing that was read before counts any more.</summary>
    public void Forget() => Interlocked.Increment(ref _epoch);

    /// <summary>The strictest of an organization's own policy and the server's ceiling.</summary>
    public Policy Effective(PolicyDocument own) => Policy.Strictest(own.Over(ceiling.Inherited, RuleOwner.Organization), ceiling.Policy);

    /// <summary>What an organization wrote down; a new one has everything written down.</summary>
    internal static PolicyDocument Document(string? stored)
    {
        if (stored is null)
            return s_fresh;
        using var json = JsonDocument.Parse(stored);
        return PolicyDocument.Parse(json.RootElement).TryGet(out var document, out var problem)
            ? document
            : throw new InvalidOperationException($"A stored policy cannot be read: {problem.Detail}");
    }

    private static readonly PolicyDocument s_fresh = PolicyDocument.Of(Policy.Fresh);

    private sealed record Kept(OrganizationPolicy Policy, int Epoch, long StartedAt);
}
