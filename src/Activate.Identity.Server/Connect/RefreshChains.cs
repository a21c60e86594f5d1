using Activate.Identity.Core.Tokens;
using Activate.Identity.Data;
using Activate.Identity.Data.Organizations;
using Activate.Identity.Data.Tokens;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Connect;

/// <summary>A refresh chain as it was read, not tracked.</summary>
/// <param name="Grant">With owner and organization.</param>
/// <param name="Cuts">Of the organization, whose rows are still being rewritten; usually none.</param>
internal sealed record RefreshChain(TokenGrant Grant, List<PolicyCut> Cuts);

/// <summary>Refresh chains: found by one read, and moved to their next place by one conditional UPDATE, so that one redemption of each token wins.</summary>
internal sealed class RefreshChains(IServiceScopeFactory scopes, WriteQueue queue) : IAsyncDisposable
{
    internal const string Sql =
        """UPDATE "TokenGrants" SET "RefreshPlace" = @next, "RefreshedAt" = @now, "IdleEndsAt" = @idle WHERE "Id" = @id AND "RefreshPlace" = @place""";

    /// <summary>Compiled once for this server's model: a request binds the id, and EF Core does not look at the expression again.</summary>
    private readonly Func<ActivateDbContext, Guid, CancellationToken, Task<RefreshChain?>> _find = EF.CompileAsyncQuery((ActivateDbContext database, Guid id, CancellationToken _) =>
        database.TokenGrants.AsNoTracking().Include(grant => grant.Owner).ThenInclude(owner => owner!.Organization).Where(grant => grant.Id == id)
            .Select(grant => new RefreshChain(grant, database.PolicyCuts.Where(cut => cut.OrganizationId == grant.Owner!.OrganizationId && cut.DoneAt == null).OrderBy(cut => cut.Version).ToList()))
            .SingleOrDefault());

    private readonly QueuedWrite _write = new(scopes, queue, database => QueuedWrite.Update<TokenGrant>(database, Sql,
        ("@next", nameof(TokenGrant.RefreshPlace)), ("@now", nameof(TokenGrant.RefreshedAt)), ("@idle", nameof(TokenGrant.IdleEndsAt)), ("@id", nameof(TokenGrant.Id)),
        ("@place", nameof(TokenGrant.RefreshPlace))));

    public Task<RefreshChain?> FindAsync(ActivateDbContext database, Guid grantId, CancellationToken cancellationToken) => _find(database, grantId, cancellationToken);

    /// <summary>Moves the chain on from a place; false: it does not stand there any more.</summary>
    public async ValueTask<bool> MoveAsync(Guid grantId, int place, DateTime now, CancellationToken cancellationToken) => await _write.RunAsync(
        command =>
        {
            command.Parameters[0].Value = place + 1;
            command.Parameters[1].Value = now;
            command.Parameters[2].Value = now + RefreshRule.Idle;
            command.Parameters[3].Set(grantId);
            command.Parameters[4].Value = place;
        },
        cancellationToken) == 1;

    public ValueTask DisposeAsync() => _write.DisposeAsync();
}
