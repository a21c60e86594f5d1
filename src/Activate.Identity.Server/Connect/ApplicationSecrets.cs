using System.Security.Cryptography;
using System.Text;
using Activate.Identity.Core.Applications;
using Activate.Identity.Data.Applications;
using Microsoft.Extensions.Options;
using OpenIddict.Abstractions;
using OpenIddict.Core;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace Activate.Identity.Server.Connect;

/// <summary>
/// How an application proves who it is, and where it may be sent. Client secrets are made by us from 256 random bits: one SHA-256 keeps them as safe as the 10,000
/// rounds of PBKDF2 that OpenIddict would spend on every token request and introspection (3 to 7 ms). Addresses are compared by our rule
/// (<see cref="RedirectUri.Matches"/>): OpenIddict's frees the port of localhost and of https, too.
/// </summary>
public sealed class ApplicationSecrets(
    IOpenIddictApplicationCache<Application> cache, ILogger<OpenIddictApplicationManager<Application>> logger, IOptionsMonitor<OpenIddictCoreOptions> options,
    IOpenIddictApplicationStore<Application> store, ApplicationCache kept, TimeProvider clock)
    : OpenIddictApplicationManager<Application>(cache, logger, options, store)
{
    private const string Prefix = "sha256$";

    /// <summary>With its organization, less than a second old, and not tracked: to be read, not changed.</summary>
    public override ValueTask<Application?> FindByClientIdAsync(string identifier, CancellationToken cancellationToken = default) => kept.FindAsync(identifier, cancellationToken);

    /// <summary>What is stored of a secret.</summary>
    public static string Hash(string secret) => Stored(ClientSecret.Hash(secret));

    /// <param name="hash">SHA-256 of a secret.</param>
    public static string Stored(byte[] hash) => Prefix + Convert.ToBase64String(hash);

    /// <summary>The secret, or until the end of the overlap the one before it. Both are always compared: the time tells nothing.</summary>
    public override ValueTask<bool> ValidateClientSecretAsync(Application application, string secret, CancellationToken cancellationToken = default) =>
        new(IsSecretOf(application, secret, clock.GetUtcNow().UtcDateTime));

    /// <inheritdoc cref="ValidateClientSecretAsync"/>
    public static bool IsSecretOf(Application application, string secret, DateTime now)
    {
        if (application.ClientType == ClientTypes.Public)
            return false;
        var hash = Encoding.ASCII.GetBytes(Hash(secret));
        var isCurrent = IsSame(hash, application.ClientSecret);
        var isPrevious = IsSame(hash, application.PreviousSecret) & application.PreviousSecretEndsAt > now;
        return isCurrent | isPrevious;
    }

    public override async ValueTask<bool> ValidateRedirectUriAsync(Application application, string uri, CancellationToken cancellationToken = default) =>
        IsAmong(await GetRedirectUrisAsync(application, cancellationToken), uri, application);

    public override async ValueTask<bool> ValidatePostLogoutRedirectUriAsync(Application application, string uri, CancellationToken cancellationToken = default) =>
        IsAmong(await GetPostLogoutRedirectUrisAsync(application, cancellationToken), uri, application);

    protected override ValueTask<string> ObfuscateClientSecretAsync(string secret, CancellationToken cancellationToken = default) => new(Hash(secret));

    private static bool IsSame(byte[] hash, string? stored) => CryptographicOperations.FixedTimeEquals(hash, Encoding.ASCII.GetBytes(stored ?? ""));

    private static bool IsAmong(IEnumerable<string> registered, string uri, Application application) =>
        registered.Any(known => RedirectUri.Matches(known, uri, application.ApplicationType == ApplicationTypes.Native));
}
