using Activate.Identity.Data;
using Activate.Identity.Data.Keys;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Primitives;
using Microsoft.IdentityModel.Tokens;

namespace Activate.Identity.Server.Keys;

/// <summary>
/// The keys that sign, as they were when the database was last read (<see cref="SigningKeyRotation"/> does, every few seconds). Signing and publishing never
/// wait for the database: a node that cannot read it goes on with what it knows, which is right for as long as a new key is published before it signs.
/// </summary>
public sealed class SigningKeys(IServiceScopeFactory scopes, StoredKeys stored, TimeProvider clock) : IDisposable
{
    private readonly SemaphoreSlim _reading = new(1);
    /// <summary>Newest first within an algorithm. Replaced as a whole, never changed.</summary>
    private volatile List<SigningKey> _keys = [];
    private CancellationTokenSource _changed = new();
    private string _announced = "";

    /// <summary>The newest key that signed at a moment. Given the moment a token was issued, the same token is written again with the same key, whatever was rotated since.</summary>
    /// <param name="algorithm">RFC 7518 §3.1: RS256 or ES256.</param>
    /// <param name="at">When the token was issued.</param>
    public SigningKey Current(string algorithm, DateTime at) => Current(_keys, algorithm, at);

    /// <summary>A key that is published, whatever its state; null when nothing signed with it counts any more.</summary>
    public SigningKey? Find(string kid)
    {
        var now = clock.GetUtcNow().UtcDateTime;
        return _keys.FirstOrDefault(key => key.Kid == kid && !key.RetiredAt(now));
    }

    /// <summary>All that will sign soon, sign, or may still verify something; the current RS256 key first.</summary>
    public IReadOnlyList<SigningKey> Published(DateTime now)
    {
        var keys = _keys;
        var first = Current(keys, SigningAlgorithm.Rs256.Name, now);
        return [first, .. keys.Where(key => key != first && !key.RetiredAt(now))];
    }

    public SigningKeyState StateOf(SigningKey key, DateTime now) =>
        key.SignsFrom > now ? SigningKeyState.Upcoming : key.Id == Current(key.Algorithm.Name, now).Id ? SigningKeyState.Current : SigningKeyState.Retiring;

    /// <summary>The newest key of each algorithm, whether it signs already or not.</summary>
    public IReadOnlyList<SigningKey> Newest() => [.. _keys.GroupBy(key => key.Algorithm).Select(keys => keys.First())];

    /// <summary>Everything read, retired keys too.</summary>
    public IReadOnlyList<SigningKey> All => _keys;

    /// <summary>Makes the keys at first start and reads them; one that cannot be decrypted stops the start.</summary>
    public async Task LoadAsync()
    {
        await using (var scope = scopes.CreateAsyncScope())
        {
            var database = scope.ServiceProvider.GetRequiredService<ActivateDbContext>();
            foreach (var algorithm in SigningAlgorithm.All)
                await stored.MakeFirstAsync(database, algorithm.Use, algorithm.Make);
        }

        await RefreshAsync(CancellationToken.None);
    }

    /// <summary>Reads the database anew. When that fails, the keys stay as they are.</summary>
    public async Task RefreshAsync(CancellationToken cancellationToken)
    {
        // One after the other: an older reading must not replace a newer one.
        await _reading.WaitAsync(cancellationToken);
        try
        {
            _keys = await ReadAsync(cancellationToken);
        }
        finally
        {
            // The time alone changes which key signs and which are published.
            Announce();
            _reading.Release();
        }
    }

    /// <summary>Fires when another key signs, or others are published, than before.</summary>
    public IChangeToken Changes() => new CancellationChangeToken(Volatile.Read(ref _changed).Token);

    public void Dispose()
    {
        _reading.Dispose();
        _changed.Dispose();
    }

    private static SigningKey Current(List<SigningKey> keys, string algorithm, DateTime at)
    {
        SigningKey? oldest = null;
        foreach (var key in keys)
        {
            if (key.Algorithm.Name != algorithm)
                continue;
            if (key.SignsFrom <= at)
                return key;
            oldest = key;
        }

        // From before the oldest that is left: whatever was issued then has ended.
        return oldest ?? throw new InvalidOperationException($"There is no {algorithm} key: not loaded yet, or no such algorithm.");
    }

    private async Task<List<SigningKey>> ReadAsync(CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        var database = scope.ServiceProvider.GetRequiredService<ActivateDbContext>();
        var rows = await database.ServerKeys.AsNoTracking().Where(key => key.Use == ServerKeyUse.Signing || key.Use == ServerKeyUse.SigningEs256).ToListAsync(cancellationToken);
        var known = _keys.ToDictionary(key => key.Id);
        var keys = new List<SigningKey>(rows.Count);
        foreach (var algorithm in SigningAlgorithm.All)
        {
            SigningKey? next = null;
            foreach (var row in rows.Where(row => row.Use == algorithm.Use).OrderByDescending(row => row.Generation))
            {
                var key = known.GetValueOrDefault(row.Id) ?? Read(algorithm, row);
                next = key with { RetiresAt = next is null ? null : SigningKeySchedule.RetiresAt(next.SignsFrom) };
                keys.Add(next);
            }

            if (next is null)
                throw new InvalidOperationException($"The database holds no {algorithm} key any more. It held one when the server started.");
        }

        return keys;
    }

    private SigningKey Read(SigningAlgorithm algorithm, ServerKey row)
    {
        var key = algorithm.Read(stored.Read(row.Use, row.Protected));
        key.KeyId = Base64UrlEncoder.Encode(key.ComputeJwkThumbprint());
        return new SigningKey(row.Id, algorithm, row.Generation, row.CreatedAt, row.SignsFrom, new SigningCredentials(key, algorithm.Name));
    }

    private void Announce()
    {
        if (_keys.Count == 0)
            return;
        var published = string.Join(' ', Published(clock.GetUtcNow().UtcDateTime).Select(key => key.Kid));
        if (published == _announced)
            return;
        _announced = published;
        // Not disposed: somebody may be taking its token just now.
        Interlocked.Exchange(ref _changed, new CancellationTokenSource()).Cancel();
    }
}
