using System.Security.Cryptography;
using System.Text;
using System.Threading.Channels;
using Activate.Identity.Core.ApiKeys;
using Activate.Identity.Core.Applications;
using Activate.Identity.Core.Leaks;
using Activate.Identity.Server.Credentials;

namespace Activate.Identity.Server.Leaks;

/// <summary>What somebody found. Of keys and secrets only the hash is kept while it waits.</summary>
/// <param name="Kind">Null: an access token.</param>
/// <param name="Hash">SHA-256 of all of it.</param>
/// <param name="RefreshToken">A refresh token has no hash in the database: the token itself.</param>
/// <param name="Address">Of whoever reported it.</param>
internal sealed record LeakReport(SecretKind? Kind, byte[] Hash, string? RefreshToken, string? Address)
{
    /// <summary>Null for what cannot be ours: its form or its checksum, which everybody can compute, says so.</summary>
    public static LeakReport? Of(string? credential, string? address)
    {
        if (credential is null)
            return null;
        var text = credential.Trim();
        return SecretScan.KindOf(text) switch
        {
            SecretKind.ApiKey => new LeakReport(SecretKind.ApiKey, CredentialAuthenticator.HashOf(text), null, address),
            SecretKind.ClientSecret => new LeakReport(SecretKind.ClientSecret, ClientSecret.Hash(text), null, address),
            SecretKind.RefreshToken => new LeakReport(SecretKind.RefreshToken, [], text, address),
            null => CredentialAuthenticator.MayBeToken(text) ? new LeakReport(null, CredentialAuthenticator.HashOf(text), null, address) : null,
        };
    }

    public override string ToString() => $"{Kind}";
}

/// <summary>Works on reports one after the other, after they were answered. Bounded; what does not fit is refused while it is being reported.</summary>
internal sealed class LeakQueue(IServiceScopeFactory scopes, ILogger<LeakQueue> logger) : BackgroundService
{
    private const int Most = 10_000;
    private const int Tries = 30;
    private static readonly TimeSpan s_betweenTries = TimeSpan.FromSeconds(2);

    private readonly Channel<LeakReport> _waiting = Channel.CreateBounded<LeakReport>(new BoundedChannelOptions(Most) { SingleReader = true });

    public bool TryAdd(LeakReport report) => _waiting.Writer.TryWrite(report);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await foreach (var report in _waiting.Reader.ReadAllAsync(stoppingToken))
            await WorkAsync(report, stoppingToken);
    }

    /// <summary>A database that is away for a moment must not lose the report that a key leaked.</summary>
    private async Task WorkAsync(LeakReport report, CancellationToken stoppingToken)
    {
        for (var attempt = 1; attempt <= Tries; attempt++)
        {
            try
            {
                await using var scope = scopes.CreateAsyncScope();
                await scope.ServiceProvider.GetRequiredService<LeakedCredentials>().EndAsync(report, stoppingToken);
                return;
            }
            catch (Exception exception) when (exception is not OperationCanceledException)
            {
                logger.LogWarning(exception, "A reported credential could not be ended, attempt {Attempt} of {Tries}", attempt, Tries);
                await Task.Delay(s_betweenTries, stoppingToken);
            }
        }
    }
}
