using System.Collections.Frozen;
using System.Net;
using Activate.Identity.AspNetCore.Introspection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Tokens;

namespace Activate.Identity.AspNetCore.Offline;

/// <summary>
/// The server's public keys. A copy is used for five minutes, as the server asks (keys are published ten minutes before they sign); while the server cannot be reached the last
/// copy serves on for a day, after which no token that it could verify still lives. A key id that is not in it is looked for at the server once in ten seconds, however
/// many tokens name one.
/// </summary>
internal sealed class KeySet(IHttpClientFactory clients, IOptions<ActivateIdentityOptions> options, TimeProvider clock, ILogger<KeySet> logger)
{
    private const string Address = ".well-known/jwks";

    private static readonly TimeSpan s_fresh = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan s_usable = TimeSpan.FromHours(24);
    private static readonly TimeSpan s_betweenTries = TimeSpan.FromSeconds(10);

    private readonly Lock _turn = new();
    private Copy? _copy;
    private Task? _fetching;
    private DateTimeOffset _triedAt;

    /// <summary>The key with this id, if it is for this algorithm; null when the server has none. False when that cannot be told.</summary>
    public async Task<(bool Known, JsonWebKey? Key)> FindAsync(string id, string algorithm)
    {
        var copy = Volatile.Read(ref _copy);
        if (copy is null || copy.FetchedAt + s_fresh <= clock.GetUtcNow() || !copy.Keys.ContainsKey(id))
        {
            await FetchOnceAsync();
            copy = Volatile.Read(ref _copy);
        }

        return copy is null || copy.FetchedAt + s_usable <= clock.GetUtcNow() ? (false, null)
            : (true, copy.Keys.TryGetValue(id, out var key) && key.Alg == algorithm ? key : null);
    }

    /// <summary>All who need it wait for the same answer. With a copy at hand not more than one in ten seconds; without one at once, as soon as the server is back.</summary>
    private Task FetchOnceAsync()
    {
        lock (_turn)
        {
            if (_fetching is { IsCompleted: false })
                return _fetching;
            var now = clock.GetUtcNow();
            if (_copy is not null && _triedAt + s_betweenTries > now)
                return Task.CompletedTask;
            _triedAt = now;
            return _fetching = FetchAsync(now);
        }
    }

    private async Task FetchAsync(DateTimeOffset now)
    {
        // Not on the path of who holds the lock.
        await Task.Yield();
        using var limit = new CancellationTokenSource(options.Value.Timeout);
        try
        {
            using var client = clients.CreateClient(ServerConnection.ClientName);
            using var response = await client.GetAsync(new Uri(Address, UriKind.Relative), limit.Token);
            if (response.StatusCode != HttpStatusCode.OK)
                return;
            var set = new JsonWebKeySet(await response.Content.ReadAsStringAsync(limit.Token));
            // Two keys of one id would be a choice that nobody should have.
            var keys = set.Keys.Where(key => !string.IsNullOrEmpty(key.Kid) && !key.HasPrivateKey).GroupBy(key => key.Kid, StringComparer.Ordinal).Where(same => same.Count() == 1)
                .ToFrozenDictionary(same => same.Key, same => same.Single(), StringComparer.Ordinal);
            if (keys.Count > 0)
                Volatile.Write(ref _copy, new Copy(keys, now));
        }
        catch (Exception failure) when (failure is HttpRequestException or OperationCanceledException or IOException or ArgumentException or System.Text.Json.JsonException)
        {
            logger.LogWarning(failure, "The key set could not be fetched.");
        }
    }

    private sealed record Copy(FrozenDictionary<string, JsonWebKey> Keys, DateTimeOffset FetchedAt);
}
