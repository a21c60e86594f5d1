using Activate.Identity.Core.Credentials;
using Activate.Identity.Data;
using Activate.Identity.Data.Mail;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Mail;

/// <summary>
/// Tells owners, 14, 7 and 1 days before, that API keys and SSH keys end. Each stage of each key is told once: its row is written with the mail, and its unique key refuses a second one,
/// of another node too. A key that was made for less than a stage is not told of by it; its owner has just said when it ends.
/// </summary>
internal sealed class ExpiryNotices(IServiceScopeFactory scopes, MailSettings settings, TimeProvider clock, ILogger<ExpiryNotices> logger)
    : BackgroundRounds(TimeSpan.FromMinutes(10), "Notices of keys that end were not all written; the next round goes on", logger)
{
    private const int BatchSize = 100;
    private static readonly int[] s_stages = [1, 7, 14];

    protected override Task RoundAsync(CancellationToken cancellationToken) => WriteAsync(cancellationToken);

    /// <summary>One round: writes the mails that are due. Sending them is the sender's work.</summary>
    public async Task WriteAsync(CancellationToken cancellationToken)
    {
        // Not noted either: who gets mail later is told of what is due then.
        if (!settings.IsOn)
            return;
        await using var scope = scopes.CreateAsyncScope();
        var database = scope.ServiceProvider.GetRequiredService<ActivateDbContext>();
        var now = clock.GetUtcNow().UtcDateTime;
        var past = 0;
        foreach (var stage in s_stages)
        {
            var (from, to) = (now.AddDays(past), now.AddDays(stage));
            while (await WriteAsync(scope.ServiceProvider, database, stage, from, to, cancellationToken))
                database.ChangeTracker.Clear();
            database.ChangeTracker.Clear();
            past = stage;
        }
    }

    /// <summary>True: there may be more.</summary>
    private static async Task<bool> WriteAsync(IServiceProvider services, ActivateDbContext database, int stage, DateTime from, DateTime to, CancellationToken cancellationToken)
    {
        var outbox = services.GetRequiredService<MailOutbox>();
        var letters = services.GetRequiredService<Letters>();
        var due = await Due(database, stage, from, to).Take(BatchSize).ToListAsync(cancellationToken);
        foreach (var owned in due.Where(key => key.ExpiresAt - key.CreatedAt > TimeSpan.FromDays(stage)).GroupBy(key => key.OwnerId))
        {
            if (await outbox.FindOwnerAsync(owned.Key, cancellationToken) is not { } owner)
                continue;
            var letter = letters.EndingSoon(stage, owner.Username, [.. owned.Select(key => new EndingCredential(key.Kind, key.Name, key.ExpiresAt))]);
            foreach (var recipient in owner.Recipients)
                outbox.Add(recipient, letter, owned.Max(key => key.ExpiresAt));
        }

        database.ExpiryNotices.AddRange(due.Select(key => new ExpiryNotice { CredentialId = key.Id, Stage = stage, EndsAt = key.ExpiresAt }));
        try
        {
            await database.SaveChangesAsync(cancellationToken);
        }
        catch (DbUpdateException exception) when (DatabaseFaults.IsDuplicate(exception))
        {
            // Another node writes the same ones: what it has not written is read again.
            return true;
        }

        return due.Count == BatchSize;
    }

    /// <summary>Keys that end in this time, and were not told of. Those that a cut is about wait, a minute or two, until it has written their ends.</summary>
    internal static IQueryable<DueKey> Due(ActivateDbContext database, int stage, DateTime from, DateTime to)
    {
        var apiKeys = database.ApiKeys.Where(k => k.ExpiresAt > from && k.ExpiresAt <= to && !database.PolicyCuts.Any(cut => cut.OrganizationId == k.Owner!.OrganizationId && cut.DoneAt == null))
            .Select(k => new DueKey { Kind = CredentialKind.ApiKey, Id = k.Id, OwnerId = k.OwnerId, Name = k.Name, CreatedAt = k.CreatedAt, ExpiresAt = k.ExpiresAt!.Value });
        var sshKeys = database.SshKeys.Where(k => k.ExpiresAt > from && k.ExpiresAt <= to && !database.PolicyCuts.Any(cut => cut.OrganizationId == k.Owner!.OrganizationId && cut.DoneAt == null))
            .Select(k => new DueKey { Kind = CredentialKind.SshKey, Id = k.Id, OwnerId = k.OwnerId, Name = k.Name, CreatedAt = k.CreatedAt, ExpiresAt = k.ExpiresAt!.Value });
        return apiKeys.Concat(sshKeys).Where(key => !database.ExpiryNotices.Any(notice => notice.CredentialId == key.Id && notice.Stage == stage)).OrderBy(key => key.OwnerId);
    }
}

/// <summary>A key whose owner is to be told.</summary>
internal sealed class DueKey
{
    public required CredentialKind Kind { get; init; }
    public required Guid Id { get; init; }
    public required Guid OwnerId { get; init; }
    public required string Name { get; init; }
    public required DateTime CreatedAt { get; init; }
    public required DateTime ExpiresAt { get; init; }
}
