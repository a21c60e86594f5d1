using System.Collections.Concurrent;

namespace Activate.Identity.AspNetCore.Credentials;

/// <summary>
/// Answers by hash, in two generations: when the young one is full, it becomes the old one, and what was old is forgotten. So it never holds more than twice its size,
/// nothing walks through it, and an answer in use for all of its half minute is at worst asked for once more.
/// </summary>
internal sealed class AnswerCache(int size)
{
    private readonly Lock _turn = new();
    private ConcurrentDictionary<CredentialHash, Verdict> _young = new();
    private ConcurrentDictionary<CredentialHash, Verdict> _old = new();
    private int _count;

    /// <summary>How many are held, the outdated too.</summary>
    public int Count => Volatile.Read(ref _young).Count + Volatile.Read(ref _old).Count;

    /// <summary>The answer, if it still may be repeated at <paramref name="now"/>.</summary>
    public Verdict? Find(in CredentialHash hash, DateTimeOffset now) =>
        (Volatile.Read(ref _young).TryGetValue(hash, out var verdict) || Volatile.Read(ref _old).TryGetValue(hash, out verdict)) && now < verdict.Until ? verdict : null;

    public void Keep(in CredentialHash hash, Verdict verdict)
    {
        if (Interlocked.Increment(ref _count) > size)
        {
            lock (_turn)
            {
                if (_count > size)
                {
                    Volatile.Write(ref _old, _young);
                    Volatile.Write(ref _young, new ConcurrentDictionary<CredentialHash, Verdict>());
                    _count = 1;
                }
            }
        }

        Volatile.Read(ref _young)[hash] = verdict;
    }
}
