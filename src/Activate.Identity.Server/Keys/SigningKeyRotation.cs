using System.Globalization;
using Activate.Identity.Core.Errors;
using Activate.Identity.Data;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Keys;

/// <summary>
/// Makes new signing keys, on schedule and on command, and forgets retired ones. Every node does it: a generation is a unique index, so of two nodes that make
/// the same one, one does.
/// </summary>
public sealed class SigningKeyRotation(SigningKeys keys, StoredKeys stored, IServiceScopeFactory scopes, TimeProvider clock, ILogger<SigningKeyRotation> logger) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var failing = false;
        while (true)
        {
            await Task.Delay(SigningKeySchedule.Reread, clock, stoppingToken);
            try
            {
                await RoundAsync(stoppingToken);
                failing = false;
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                // Once for each time that it fails, not every five seconds.
                if (!failing)
                    logger.LogWarning(exception, "The signing keys were not read again; those known go on signing and verifying, and each round tries anew");
                failing = true;
            }
        }
    }

    /// <summary>One round: what other nodes did, what is due, what is over.</summary>
    public async Task RoundAsync(CancellationToken cancellationToken)
    {
        await keys.RefreshAsync(cancellationToken);
        var now = clock.Now();
        var due = keys.Newest().Where(key => key.CreatedAt + SigningKeySchedule.Period <= now).ToList();
        // Another node's key is as good.
        if (due.Count > 0 && await AddAsync(due, Make(due), actor: null, "on schedule", cancellationToken) is null)
            await keys.RefreshAsync(cancellationToken);

        var over = keys.All.Where(key => key.RetiredAt(now - SigningKeySchedule.Kept)).ToList();
        if (over.Count > 0)
        {
            var ids = over.Select(key => key.Id).ToList();
            await using var scope = scopes.CreateAsyncScope();
            await scope.ServiceProvider.GetRequiredService<ActivateDbContext>().ServerKeys.Where(key => ids.Contains(key.Id)).ExecuteDeleteAsync(cancellationToken);
            await keys.RefreshAsync(cancellationToken);
            foreach (var key in over)
                logger.LogInformation("Retired the {Key}", key);
        }
    }

    /// <summary>A new key of each algorithm: published now, signing when every cache knows it.</summary>
    /// <param name="actor">Who asked; null: whoever may run the server's own command.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<Result<IReadOnlyList<SigningKey>>> RotateAsync(AuditActor? actor, CancellationToken cancellationToken)
    {
        var made = Make(keys.Newest());
        // Each time that another one was first there is one key more, so this ends.
        while (true)
        {
            await keys.RefreshAsync(cancellationToken);
            if (TooMany() is { } refusal)
                return refusal;
            if (await AddAsync(keys.Newest(), made, actor, "on command", cancellationToken) is { } added)
                return Result(added);
        }
    }

    private static Dictionary<SigningAlgorithm, byte[]> Make(IReadOnlyList<SigningKey> newest) => newest.ToDictionary(key => key.Algorithm, key => key.Algorithm.Make());

    private static Result<IReadOnlyList<SigningKey>> Result(List<SigningKey> added) => added;

    private Problem? TooMany()
    {
        var (now, all) = (clock.Now(), keys.All);
        var next = all.GroupBy(key => key.Algorithm).Where(of => of.Count(key => !key.RetiredAt(now)) >= SigningKeySchedule.MostKeys).Select(of => of.Where(key => !key.RetiredAt(now)).Min(key => key.RetiresAt)).Max();
        return next is null ? null : new Problem(ProblemKind.TooMany, "too_many_signing_keys",
            $"{SigningKeySchedule.MostKeys} keys are published already, and everybody who verifies tokens fetches them all. One retires at {next:yyyy-MM-dd'T'HH:mm:ss'Z'}.") { RetryAfter = next - now };
    }

    /// <summary>The generations after these, in one transaction with their audit event; null when another node or request was first.</summary>
    private async Task<List<SigningKey>?> AddAsync(
        IReadOnlyList<SigningKey> newest, Dictionary<SigningAlgorithm, byte[]> made, AuditActor? actor, string why, CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        var database = scope.ServiceProvider.GetRequiredService<ActivateDbContext>();
        var signsFrom = clock.Now() + SigningKeySchedule.Lead;
        var rows = newest.Select(key => stored.Row(
            key.Algorithm.Use, key.Generation + 1, made[key.Algorithm],
            // Never before the one before it, whichever node's clock that was.
            key.SignsFrom > signsFrom ? key.SignsFrom : signsFrom)).ToList();
        database.ServerKeys.AddRange(rows);
        scope.ServiceProvider.GetRequiredService<AuditTrail>().Add(AuditTypes.SigningKeyRotated, actor, detail: string.Create(CultureInfo.InvariantCulture,
            $"{string.Join(", ", newest.Select((key, i) => $"{key.Algorithm} generation {rows[i].Generation} signs from {rows[i].SignsFrom:yyyy-MM-dd'T'HH:mm:ss'Z'}"))}; {why}"));
        try
        {
            await database.SaveChangesAsync(cancellationToken);
        }
        catch (DbUpdateException exception) when (DatabaseFaults.IsDuplicate(exception))
        {
            return null;
        }

        await keys.RefreshAsync(cancellationToken);
        var added = keys.All.Where(key => rows.Exists(row => row.Id == key.Id)).ToList();
        foreach (var key in added)
            logger.LogInformation("Made the {Key} {Why}; it signs from {SignsFrom:yyyy-MM-dd'T'HH:mm:ss'Z'}", key, why, key.SignsFrom);
        return added;
    }
}
