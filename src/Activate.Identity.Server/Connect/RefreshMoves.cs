using Activate.Identity.Core.Tokens;
using Activate.Identity.Data.Tokens;
using Activate.Identity.Server.Web;

namespace Activate.Identity.Server.Connect;

/// <summary>The move of a refresh chain to its next place: one conditional UPDATE, so that one redemption of each token wins.</summary>
internal sealed class RefreshMoves(IServiceScopeFactory scopes, WriteQueue queue) : IAsyncDisposable
{
    private const string Sql =
        """UPDATE "TokenGrants" SET "RefreshPlace" = @next, "RefreshedAt" = @now, "IdleEndsAt" = @idle WHERE "Id" = @id AND "RefreshPlace" = @place""";

    private readonly QueuedWrite _write = new(scopes, queue, database => QueuedWrite.Update<TokenGrant>(database, Sql,
        ("@next", nameof(TokenGrant.RefreshPlace)), ("@now", nameof(TokenGrant.RefreshedAt)), ("@idle", nameof(TokenGrant.IdleEndsAt)), ("@id", nameof(TokenGrant.Id)),
        ("@place", nameof(TokenGrant.RefreshPlace))));

    /// <summary>Moves the chain on from a place; false: it does not stand there any more.</summary>
    public async ValueTask<bool> MoveAsync(Guid grantId, int place, DateTime now, CancellationToken cancellationToken) => await _write.RunAsync(
        command =>
        {
            command.Parameters[0].Value = place + 1;
            command.Parameters[1].Value = now;
            command.Parameters[2].Value = now + RefreshRule.Idle;
            command.Parameters[3].Value = grantId;
            command.Parameters[4].Value = place;
        },
        cancellationToken) == 1;

    public ValueTask DisposeAsync() => _write.DisposeAsync();
}
