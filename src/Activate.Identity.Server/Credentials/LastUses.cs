using System.Collections.Concurrent;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Data;
using Activate.Identity.Data.ApiKeys;
using Activate.Identity.Data.SshKeys;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Credentials;

/// <summary>
/// When and from where each credential was last used: noted in memory, written in batches, never a write per call and never backwards. What a node that
/// dies had not written yet (half a minute at most) is lost: it is information, and the one rule that looks at it (<see cref="UnusedKeys"/>) waits for days.
/// An SSH key is used when a cluster says that somebody got in with it; of the cluster it is noted that it says so.
/// </summary>
public sealed class LastUses(IServiceScopeFactory scopes, TimeProvider clock, ILogger<LastUses> logger) : BackgroundService
{
    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(30);
    private const int MostPending = 100_000;

    private ConcurrentDictionary<Guid, Use> _pending = new();
    private ConcurrentDictionary<Guid, DateTime> _reports = new();

    public void Record(Caller caller, string? address) => Record(caller.Kind, caller.CredentialId, address, on: null);

    /// <summary>Somebody got in with an SSH key.</summary>
    /// <param name="sshKey">Its id.</param>
    /// <param name="address">From where; null: not known.</param>
    /// <param name="cluster">The name of the cluster.</param>
    public void RecordLogin(Guid sshKey, string? address, string cluster) => Record(CredentialKind.SshKey, sshKey, address, cluster);

    /// <summary>A cluster told of a login, with whatever key.</summary>
    public void RecordReport(Guid cluster) => _reports[cluster] = clock.Now();

    private void Record(CredentialKind kind, Guid credential, string? address, string? on)
    {
        var now = clock.Now();
        var pending = _pending;
        if (pending.TryGetValue(credential, out var use))
        {
            use.At = now;
            use.From = address;
            use.On = on;
        }
        else if (pending.Count < MostPending)
        {
            pending[credential] = new Use(kind) { At = now, From = address, On = on };
        }
    }

    /// <summary>Writes what was noted.</summary>
    public async Task FlushAsync(CancellationToken cancellationToken = default)
    {
        var (batch, reports) = (Interlocked.Exchange(ref _pending, new()), Interlocked.Exchange(ref _reports, new()));
        if (batch.IsEmpty && reports.IsEmpty)
            return;
        await using var scope = scopes.CreateAsyncScope();
        var database = scope.ServiceProvider.GetRequiredService<ActivateDbContext>();
        await database.Database.OpenConnectionAsync(cancellationToken);
        foreach (var chunk in batch.OrderBy(item => item.Key).Chunk(200))
        {
            // In one order on every node, so that two of them do not lock each other out.
            // One transaction a chunk: one fsync, the write lock is held for milliseconds, and other writers get their turn in between.
            await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
            foreach (var table in chunk.GroupBy(item => TableOf(item.Value.Kind)))
                await WriteAsync(database, table.Key, table, cancellationToken);
            await transaction.CommitAsync(cancellationToken);
            await Task.Delay(TimeSpan.FromMilliseconds(5), cancellationToken);
        }

        foreach (var (cluster, at) in reports.OrderBy(item => item.Key))
        {
            await database.Clusters.Where(c => c.Id == cluster && (c.LastReportAt == null || c.LastReportAt < at))
                .ExecuteUpdateAsync(set => set.SetProperty(c => c.LastReportAt, at).SetProperty(c => c.ReportsSince, c => c.ReportsSince ?? at), cancellationToken);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (true)
            {
                await Task.Delay(s_interval, clock, stoppingToken);
                await TryFlushAsync(stoppingToken);
            }
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
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            // Whatever it is: information that is lost must not stop the server, which an exception out of a background service does.
            logger.LogWarning(exception, "The last uses of some credentials could not be written");
        }
    }

    private static async Task WriteAsync(ActivateDbContext database, string table, IEnumerable<KeyValuePair<Guid, Use>> uses, CancellationToken cancellationToken)
    {
        var isLogin = table == TableOf(CredentialKind.SshKey);
        (string, string)[] parameters = [("@id", nameof(ApiKey.Id)), ("@at", nameof(ApiKey.LastUsedAt)), ("@from", nameof(ApiKey.LastUsedFrom))];
        await using var write = await PreparedWrite.PrepareAsync(database, Note(table, isLogin), table, isLogin ? [.. parameters, ("@on", nameof(SshKey.LastUsedOn))] : parameters, cancellationToken);
        foreach (var (credential, use) in uses)
        {
            if (isLogin)
                await write.RunAsync(cancellationToken, credential, use.At, use.From, use.On);
            else
                await write.RunAsync(cancellationToken, credential, use.At, use.From);
        }
    }

    internal static string Note(string table, bool isLogin) =>
        $"""UPDATE "{table}" SET "LastUsedAt" = @at, "LastUsedFrom" = @from{(isLogin ? """, "LastUsedOn" = @on""" : "")} WHERE "Id" = @id AND ("LastUsedAt" IS NULL OR "LastUsedAt" < @at)""";

    private static string TableOf(CredentialKind kind) => kind switch
    {
        CredentialKind.ApiKey => "ApiKeys",
        CredentialKind.Token or CredentialKind.Session => "TokenGrants",
        CredentialKind.SshKey => "SshKeys",
    };

    private sealed class Use(CredentialKind kind)
    {
        public CredentialKind Kind => kind;
        public DateTime At { get; set; }
        public string? From { get; set; }
        public string? On { get; set; }
    }
}
