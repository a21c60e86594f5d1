using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace Activate.Identity.Server.Credentials;

/// <summary>
/// What was read about a credential, kept for less than a second, so that a credential used a thousand times a second is read once. An ending on this
/// node empties it at once; one on another node is felt when the entry is too old. Nothing is served past its age: when the database cannot be read,
/// the check fails. Bounded: two generations of at most <see cref="Capacity"/> entries. A credential is kept only when it comes a second time: keeping
/// each of thousands that come once would cost more in garbage collection than it saves.
/// </summary>
public sealed class CredentialCache(TimeProvider clock)
{
    /// <summary>Below the promised second, to leave the request itself some time.</summary>
    public static readonly TimeSpan MaximumAge = TimeSpan.FromMilliseconds(900);

    private const int Capacity = 20_000;

    /// <summary>The print of the last credential seen in each of 65,536 places. A wrong guess only keeps an entry that need not be kept.</summary>
    private readonly int[] _seen = new int[1 << 16];

    private readonly Lock _turn = new();
    private Generation _young = new(clock.GetTimestamp());
    private Generation _old = new(0);
    private int _epoch;

    /// <summary>Taken before the read whose outcome is to be kept: an ending that happens during the read makes the outcome void.</summary>
    public Reading Begin() => new(Volatile.Read(ref _epoch), clock.GetTimestamp());

    /// <summary>Whether what was read then still counts.</summary>
    public bool IsFresh(in Reading reading) => reading.Epoch == Volatile.Read(ref _epoch) && clock.GetElapsedTime(reading.StartedAt) < MaximumAge;

    public bool TryGet(in CredentialHash hash, out CachedCredential? credential)
    {
        if ((_young.Entries.TryGetValue(hash, out credential) || _old.Entries.TryGetValue(hash, out credential)) && IsFresh(credential.Reading))
            return true;
        credential = null;
        return false;
    }

    public void Keep(in CredentialHash hash, CachedCredential credential)
    {
        ref var seen = ref _seen[(ushort)hash.B];
        var print = (int)hash.C;
        if (seen != print)
        {
            seen = print;
            return;
        }

        var generation = _young;
        if (clock.GetElapsedTime(generation.StartedAt) >= MaximumAge)
            generation = Turn(generation);
        if (generation.Entries.Count < Capacity)
            generation.Entries[hash] = credential;
    }

    /// <summary>Something ended: nothing that was read before counts any more.</summary>
    public void Forget() => Interlocked.Increment(ref _epoch);

    private Generation Turn(Generation seen)
    {
        lock (_turn)
        {
            if (ReferenceEquals(seen, _young))
            {
                _old = seen;
                _young = new Generation(clock.GetTimestamp());
            }

            return _young;
        }
    }

    public readonly record struct Reading(int Epoch, long StartedAt);

    private sealed class Generation(long startedAt)
    {
        // Counting a ConcurrentDictionary takes all its locks; entries are added seldom enough.
        public ConcurrentDictionary<CredentialHash, CachedCredential> Entries { get; } = new();

        public long StartedAt => startedAt;
    }
}

/// <summary>A checked credential and what its answers carry.</summary>
/// <param name="Caller">Whose it is and what it may do.</param>
/// <param name="Reading">When it was read.</param>
/// <param name="ExpiresHeader">RFC 3339 end, for answers to a credential that ends within 14 days; null otherwise.</param>
public sealed record CachedCredential(Caller Caller, CredentialCache.Reading Reading, string? ExpiresHeader)
{
    /// <summary>What userinfo answers to it, from the first time that it is asked.</summary>
    internal byte[]? UserInfo { get; set; }
}

/// <summary>SHA-256 of a credential as a dictionary key.</summary>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct CredentialHash(ulong A, ulong B, ulong C, ulong D)
{
    public static CredentialHash From(ReadOnlySpan<byte> hash) => MemoryMarshal.Read<CredentialHash>(hash);

    // The bytes are uniform already.
    public override int GetHashCode() => (int)A;
}
