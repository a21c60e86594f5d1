using System.Diagnostics;
using Activate.Identity.Core.Errors;
using Activate.Identity.Server.Telemetry;
using Microsoft.AspNetCore.Identity;

namespace Activate.Identity.Server.Accounts;

/// <summary>
/// Lets through as many password hashes at once as there are processors, keeps a bounded queue before it, and turns the rest away: each hash costs 19 MiB
/// and a processor for 25 ms, and a flood of sign-ins must leave the server to everybody else. Hashes run on threads of their own, so that the thread pool
/// stays free for requests.
/// </summary>
public sealed class PasswordGate(ServerMeter meter) : IDisposable
{
    /// <summary>The queue is worth this many rounds of hashing, about five seconds.</summary>
    private const int Rounds = 200;

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);
    private static readonly Problem s_busy = new(ProblemKind.Unavailable, "server_busy",
        "Too many people are signing in just now. Nothing was checked; try again in a few seconds.") { RetryAfter = TimeSpan.FromSeconds(5) };

    // A hash that no password was ever made for: unknown users cost what known ones do.
    private static readonly Lazy<string> s_nobody = new(() => PasswordHasher.Hash(Convert.ToHexString(System.Security.Cryptography.RandomNumberGenerator.GetBytes(32))));

    private readonly SemaphoreSlim _turns = new(Environment.ProcessorCount);
    private readonly int _longestQueue = Environment.ProcessorCount * Rounds;
    private int _waiting;

    /// <summary>How many wait for a turn.</summary>
    internal int Waiting => Volatile.Read(ref _waiting);

    /// <summary>Waits for a turn, or says that the server is busy. Dispose the turn.</summary>
    public async Task<Result<Turn>> EnterAsync(CancellationToken cancellation)
    {
        var since = Stopwatch.GetTimestamp();
        try
        {
            if (Interlocked.Increment(ref _waiting) > _longestQueue || !await _turns.WaitAsync(s_patience, cancellation))
                return s_busy;
            return new Turn(_turns);
        }
        finally
        {
            Interlocked.Decrement(ref _waiting);
            meter.HashWaited(Stopwatch.GetElapsedTime(since));
        }
    }

    /// <summary>One hash in a turn of its own.</summary>
    public async Task<Result<string>> HashAsync(string password, CancellationToken cancellation)
    {
        if (!(await EnterAsync(cancellation)).TryGet(out var turn, out var problem))
            return problem;
        using (turn)
            return await turn.HashAsync(password);
    }

    public void Dispose() => _turns.Dispose();

    public sealed class Turn : IDisposable
    {
        private readonly SemaphoreSlim _turns;

        internal Turn(SemaphoreSlim turns) => _turns = turns;

        public Task<string> HashAsync(string password) => RunAsync(() => PasswordHasher.Hash(password));

        /// <summary>Checks the password; without a hash it takes as long, and fails.</summary>
        public Task<PasswordVerificationResult> VerifyAsync(string? hash, string password) => RunAsync(() =>
        {
            var result = PasswordHasher.Verify(hash ?? s_nobody.Value, password);
            return hash is null ? PasswordVerificationResult.Failed : result;
        });

        public void Dispose() => _turns.Release();

        private static async Task<T> RunAsync<T>(Func<T> work)
        {
            using var activity = ServerMeter.Activities.StartActivity("hash password");
            return await Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.LongRunning | TaskCreationOptions.DenyChildAttach, TaskScheduler.Default);
        }
    }
}
