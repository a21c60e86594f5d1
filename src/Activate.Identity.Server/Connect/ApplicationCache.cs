using System.Collections.Concurrent;
using Activate.Identity.Data;
using Activate.Identity.Data.Applications;
using Activate.Identity.Server.Credentials;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Connect;

/// <summary>
/// Applications as they were read (with their organization), kept for less than a second like credentials are, and forgotten with them: whatever ends something on
/// this node empties both. Every request of a client asks for its application several times. Nobody changes what is kept here.
/// </summary>
public sealed class ApplicationCache(IServiceScopeFactory scopes, CredentialCache credentials)
{
    private const int Capacity = 10_000;

    /// <summary>As long as the column: a longer id is nobody's, and is not kept either.</summary>
    private const int LongestClientId = 100;

    private readonly ConcurrentDictionary<string, (Application? Application, CredentialCache.Reading Reading)> _kept = new(StringComparer.Ordinal);

    /// <summary>The application of a client id; null when there is none.</summary>
    public async ValueTask<Application?> FindAsync(string clientId, CancellationToken cancellationToken)
    {
        if (clientId.Length > LongestClientId)
            return null;
        if (_kept.TryGetValue(clientId, out var kept) && credentials.IsFresh(kept.Reading))
            return kept.Application;
        var reading = credentials.Begin();
        await using var scope = scopes.CreateAsyncScope();
        var application = await scope.ServiceProvider.GetRequiredService<ActivateDbContext>().Applications.AsNoTracking().Include(a => a.Organization)
            .SingleOrDefaultAsync(a => a.ClientId == clientId, cancellationToken);
        // Ids that nobody has come from strangers: they must not push out the others.
        if (_kept.Count >= Capacity)
            _kept.Clear();
        _kept[clientId] = (application, reading);
        return application;
    }
}
