using System.Collections.Concurrent;
using Activate.Identity.AspNetCore.Introspection;
using Activate.Identity.AspNetCore.Offline;
using Activate.Identity.Core.ApiKeys;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Activate.Identity.AspNetCore.Credentials;

/// <summary>
/// Checks a credential: by its form, by an answer that is young enough, by asking. What cannot be a credential of our server costs no request; one that is asked about by
/// many requests at once costs one.
/// </summary>
internal sealed class CredentialAuthenticator
{
    /// <summary>
    /// How many credentials are asked about at once. Beyond that requests are refused with 503: made-up keys, each of which has to be asked about, do not pile up.
    /// </summary>
    internal const int MostAskedAtOnce = 512;

    /// <summary>The server itself may take this long to feel an ending on all of its nodes.</summary>
    private static readonly TimeSpan s_serversOwnDelay = TimeSpan.FromSeconds(1);

    private readonly IntrospectionClient _introspection;
    private readonly TokenVerifier _verifier;
    private readonly Counters _counters;
    private readonly TimeProvider _clock;
    private readonly ILogger _logger;
    private readonly AnswerCache _good;
    private readonly AnswerCache _refused;
    private readonly ConcurrentDictionary<CredentialHash, Task<Verdict>> _asking = new();
    private readonly string _keysOfOurs;
    private readonly string _issuer;
    private readonly TimeSpan _keepFor;
    private readonly bool _offline;
    private int _asked;
    private int _unavailable;

    public CredentialAuthenticator(IntrospectionClient introspection, TokenVerifier verifier, Counters counters, IOptions<ActivateIdentityOptions> options, TimeProvider clock,
        ILogger<CredentialAuthenticator> logger)
    {
        (_introspection, _verifier, _counters, _clock, _logger) = (introspection, verifier, counters, clock, logger);
        var settings = options.Value;
        _good = new AnswerCache(settings.CacheSize / 2);
        _refused = new AnswerCache(settings.CacheSize / 2);
        _issuer = settings.IssuerText;
        _keepFor = settings.CacheDuration > s_serversOwnDelay ? settings.CacheDuration - s_serversOwnDelay : TimeSpan.Zero;
        _offline = settings.ValidateTokensOffline;
        // A key of our server begins like every other key of our server.
        var example = ApiKeySecret.From(settings.Issuer!, new string('0', 43)).Reveal();
        _keysOfOurs = example[..(example.IndexOf('.', StringComparison.Ordinal) + 1)];
    }

    /// <summary>Answers held, good and refused.</summary>
    internal (int Good, int Refused) Held => (_good.Count, _refused.Count);

    public ValueTask<Verdict> CheckAsync(string credential, CancellationToken cancellationToken)
    {
        var isKey = ApiKeySecret.LooksLikeKey(credential);
        if (isKey ? !credential.StartsWith(_keysOfOurs, StringComparison.Ordinal) || !ApiKeySecret.IsWellFormed(credential) : !credential.StartsWith("ey", StringComparison.Ordinal))
            return new(Verdict.RefusedAtSight);
        if (!CredentialHash.TryCompute(credential, out var hash))
            return new(Verdict.RefusedAtSight);
        var now = _clock.GetUtcNow();
        if (Known(hash, now) is { } known)
        {
            _counters.Repeated(known.Outcome);
            return new(known);
        }

        return isKey || UnverifiedToken.MayBeOurs(credential, _issuer, now) ? new(AskOnceAsync(hash, credential, isKey).WaitAsync(cancellationToken)) : new(Verdict.RefusedAtSight);
    }

    private Verdict? Known(in CredentialHash hash, DateTimeOffset now) => _good.Find(hash, now) ?? _refused.Find(hash, now);

    /// <summary>One check at a time for each credential; all who come meanwhile get its verdict. It goes on when they leave: others may have come.</summary>
    private Task<Verdict> AskOnceAsync(CredentialHash hash, string credential, bool isKey)
    {
        var mine = new TaskCompletionSource<Verdict>(TaskCreationOptions.RunContinuationsAsynchronously);
        var asking = _asking.GetOrAdd(hash, mine.Task);
        if (asking == mine.Task)
            _ = AskAsync(hash, credential, isKey, mine);
        return asking;
    }

    private async Task AskAsync(CredentialHash hash, string credential, bool isKey, TaskCompletionSource<Verdict> answer)
    {
        var verdict = Verdict.Unavailable;
        try
        {
            // The end of somebody else's check may have come between our look at the cache and our turn.
            var now = _clock.GetUtcNow();
            if (Known(hash, now) is { } known)
                verdict = known;
            else if (Interlocked.Increment(ref _asked) > MostAskedAtOnce)
                Interlocked.Decrement(ref _asked);
            else
            {
                try
                {
                    // Counted from before it was asked: the answer may be as old as that.
                    var until = now + _keepFor;
                    verdict = _offline && !isKey ? await _verifier.VerifyAsync(credential, until) : await _introspection.AskAsync(credential, isKey, until);
                    Note(verdict);
                }
                finally
                {
                    Interlocked.Decrement(ref _asked);
                }

                if (verdict.Until > now)
                    (verdict.Outcome == Outcome.Good ? _good : _refused).Keep(hash, verdict);
            }
        }
#pragma warning disable CA1031 // Whatever it was: those who wait are answered, and nobody is let in.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            _logger.LogError(failure, "Checking a credential failed.");
        }
        finally
        {
            _counters.Asked(verdict.Outcome);
            // Kept before it is taken away: who misses it here finds it there.
            _asking.TryRemove(hash, out _);
            answer.SetResult(verdict);
        }
    }

    /// <summary>One line when checks begin to fail and one when they work again, not one for each request.</summary>
    private void Note(Verdict verdict)
    {
        var unavailable = verdict.Outcome == Outcome.Unavailable ? 1 : 0;
        if (Volatile.Read(ref _unavailable) == unavailable || Interlocked.Exchange(ref _unavailable, unavailable) == unavailable)
            return;
        if (unavailable == 1)
            _logger.LogWarning("Credentials cannot be checked at {Issuer} and are refused with 503 until they can.", _issuer);
        else
            _logger.LogInformation("Credentials can be checked at {Issuer} again.", _issuer);
    }
}
