using Activate.Identity.Data;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Web;

/// <summary>
/// Whether the database answers at all, asked once a second at most, however many want to know. A server that is gone says so at once; one that stands still (a
/// machine that hangs, a network that drops) would keep each request for as long as its commands may take.
/// </summary>
public sealed class DatabasePulse(IServiceScopeFactory scopes, TimeProvider clock, DatabaseOptions options)
{
    /// <summary>Callers are to have their answer within two seconds.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(1.5);
    private static readonly TimeSpan s_age = TimeSpan.FromSeconds(1);

    private readonly Lock _turn = new();
    private Task? _probe;
    private long _askedAt;

    /// <summary>Returns when the database has answered within the last second. Throws what kept it from answering, or <see cref="DatabaseSilentException"/>.</summary>
    public Task RequireAsync(CancellationToken cancellationToken)
    {
        Task probe;
        lock (_turn)
        {
            if (_probe is not { } last || (last.IsCompleted && (!last.IsCompletedSuccessfully || clock.GetElapsedTime(_askedAt) >= s_age)))
            {
                _askedAt = clock.GetTimestamp();
                _probe = last = Task.Run(AskAsync, CancellationToken.None);
            }

            probe = last;
        }

        return probe.IsCompletedSuccessfully ? Task.CompletedTask : WaitAsync(probe, cancellationToken);
    }

    /// <summary>The same of a database on a server. A file needs no sign of life: waiting for a lock on it ends by itself.</summary>
    public Task RequireOfServerAsync(CancellationToken cancellationToken) => options.Provider == DatabaseProvider.Sqlite ? Task.CompletedTask : RequireAsync(cancellationToken);

    private static async Task WaitAsync(Task probe, CancellationToken cancellationToken)
    {
        if (await Task.WhenAny(probe, Task.Delay(s_patience, cancellationToken)) != probe)
        {
            cancellationToken.ThrowIfCancellationRequested();
            // Perhaps it is this process that had no time, and the answer is there.
            await Task.Yield();
            if (!probe.IsCompleted)
                throw new DatabaseSilentException();
        }

        try
        {
            await probe;
        }
        catch (OperationCanceledException exception)
        {
            throw new DatabaseSilentException(exception);
        }
    }

    private async Task AskAsync()
    {
        // Its own end: the next one may find another server at the same address.
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        await using var scope = scopes.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<ActivateDbContext>().ServerKeys.AnyAsync(limit.Token);
    }
}

/// <summary>The database neither answers nor refuses.</summary>
public sealed class DatabaseSilentException(Exception? cause = null) : Exception("The database does not answer.", cause);

/// <summary>Before a request that will need it, a database on a server is asked for a sign of life. Not in the pipeline where the database is a file.</summary>
internal sealed class DatabaseGuard(RequestDelegate next, DatabasePulse pulse)
{
    /// <summary>
    /// What is answered without the database: health, keys and discovery, and what an error page is drawn with. The API asks when it reads a credential: one whose
    /// checksum is wrong is refused without a read.
    /// </summary>
    private static readonly PathString[] s_alone = ["/health", "/.well-known", "/assets", "/api"];

    public async Task InvokeAsync(HttpContext context)
    {
        if (!IsAlone(context.Request.Path))
            await pulse.RequireAsync(context.RequestAborted);
        await next(context);
    }

    private static bool IsAlone(PathString path)
    {
        foreach (var alone in s_alone)
        {
            if (path.StartsWithSegments(alone, StringComparison.OrdinalIgnoreCase))
                return true;
        }

        return false;
    }
}
