using System.Collections.Concurrent;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Data;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Credentials;

/// <summary>
/// When and from where each credential was last used: noted in memory, written in batches, never a write per call and never backwards. What a node that
/// dies had not written yet (ten seconds at most) is lost; it is information, not a rule.
/// </summary>
public sealed class LastUses(IServiceScopeFactory scopes, TimeProvider clock, ILogger<LastUses> logger) : BackgroundService
{
    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(10);
    private const int MostPending = 100_000;

    private ConcurrentDictionary<Guid, Use> _pending = new();

    public void Record(Caller caller, string? address)
    {
        var now = clock.GetUtcNow().UtcDateTime;
        var pending = _pending;
        if (pending.TryGetValue(caller.CredentialId, out var use))
        {
            use.At = now;
            use.From = address;
        }
        else if (pending.Count < MostPending)
        {
            pending[caller.CredentialId] = new Use(caller.Kind) { At = now, From = address };
        }
    }

    /// <summary>Writes what was noted.</summary>
    public async Task FlushAsync(CancellationToken cancellationToken = default)
    {
        var batch = Interlocked.Exchange(ref _pending, new());
        if (batch.IsEmpty)
            return;
        await using var scope = scopes.CreateAsyncScope();
        var database = scope.ServiceProvider.GetRequiredService<ActivateDbContext>();
        foreach (var chunk in batch.Chunk(200))
        {
            // One transaction a chunk: one fsync, and the write lock is held for milliseconds.
            await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
            foreach (var (id, use) in chunk)
                await WriteAsync(database, id, use, cancellationToken);
            await transaction.CommitAsync(cancellationToken);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(s_interval, clock);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
                await TryFlushAsync(stoppingToken);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            await TryFlushAsync(CancellationToken.None);
        }
    }

    private async Task TryFlushAsync(CancellationToken cancellationToken)
    {
        try
        {
            await FlushAsync(cancellationToken);
        }
        catch (Exception exception) when (DatabaseFaults.IsUnavailable(exception))
        {
            logger.LogWarning("The last uses of some credentials could not be written: the database is unavailable");
        }
    }

    private static Task<int> WriteAsync(ActivateDbContext database, Guid id, Use use, CancellationToken cancellationToken)
    {
        var (at, from) = (use.At, use.From);
        return use.Kind switch
        {
            CredentialKind.ApiKey => database.ApiKeys.Where(k => k.Id == id && (k.LastUsedAt == null || k.LastUsedAt < at))
                .ExecuteUpdateAsync(set => set.SetProperty(k => k.LastUsedAt, at).SetProperty(k => k.LastUsedFrom, from), cancellationToken),
            CredentialKind.Token or CredentialKind.Session => database.TokenGrants.Where(g => g.Id == id && (g.LastUsedAt == null || g.LastUsedAt < at))
                .ExecuteUpdateAsync(set => set.SetProperty(g => g.LastUsedAt, at).SetProperty(g => g.LastUsedFrom, from), cancellationToken),
            CredentialKind.SshKey => throw new InvalidOperationException("An SSH key is not a bearer credential."),
        };
    }

    private sealed class Use(CredentialKind kind)
    {
        public CredentialKind Kind => kind;
        public DateTime At { get; set; }
        public string? From { get; set; }
    }
}
