using Activate.Identity.Core.IdentityProviders;
using Microsoft.IdentityModel.Protocols;
using OpenIddict.Abstractions;

namespace Activate.Identity.Server.IdentityProviders;

/// <summary>
/// What a provider publishes about itself, with its keys, kept for ten minutes: providers publish a new key long before they sign with it. One reads for all who wait; one that has failed
/// is not asked again for some seconds, so that a queue of sign-ins is no queue of time-outs; and for a while the last known document stands in for one that cannot be read.
/// </summary>
/// <param name="read">Reads it.</param>
/// <param name="allowsLoopback">Plain http is taken on loopback: for development.</param>
/// <param name="clock">Of the server.</param>
internal sealed class ProviderDocument(Func<CancellationToken, Task<OpenIddictConfiguration>> read, bool allowsLoopback, TimeProvider clock) : IConfigurationManager<OpenIddictConfiguration>
{
    private static readonly TimeSpan s_fresh = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan s_usable = TimeSpan.FromHours(1);
    private static readonly TimeSpan s_afterFailure = TimeSpan.FromSeconds(5);

    private readonly Lock _turn = new();
    private OpenIddictConfiguration? _known;
    private Exception? _failure;
    private DateTimeOffset _knownSince;
    private DateTimeOffset _triedAt;
    private bool _stale;
    private Task<OpenIddictConfiguration>? _reading;

    /// <exception cref="ProviderUnreadableException">It cannot be read, or says what nobody can rely on.</exception>
    public Task<OpenIddictConfiguration> GetConfigurationAsync(CancellationToken cancel)
    {
        lock (_turn)
        {
            var now = clock.GetUtcNow();
            if (_known is not null && now - _knownSince < s_fresh && !(_stale && now - _triedAt >= s_afterFailure))
                return Task.FromResult(_known);
            if (_failure is not null && now - _triedAt < s_afterFailure)
                return _known is not null && now - _knownSince < s_usable ? Task.FromResult(_known) : Task.FromException<OpenIddictConfiguration>(new ProviderUnreadableException(_failure.Message, _failure));
            // Whoever gives up waiting does not end it for the others.
            return (_reading ??= ReadAsync()).WaitAsync(cancel);
        }
    }

    /// <summary>A signature by a key that is not in it: perhaps there is a new one.</summary>
    public void RequestRefresh()
    {
        lock (_turn)
            _stale = true;
    }

    private async Task<OpenIddictConfiguration> ReadAsync()
    {
        // Not within the lock, whatever the first step does.
        await Task.Yield();
        try
        {
            var configuration = await read(CancellationToken.None);
            Check(configuration);
            lock (_turn)
            {
                (_known, _failure, _stale, _knownSince, _reading) = (configuration, null, false, clock.GetUtcNow(), null);
                _triedAt = _knownSince;
            }

            return configuration;
        }
#pragma warning disable CA1031 // Whatever it was, it is told to whoever waits, and the next to come tries again.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            lock (_turn)
            {
                (_failure, _triedAt, _reading) = (exception, clock.GetUtcNow(), null);
                if (_known is not null && _triedAt - _knownSince < s_usable)
                    return _known;
            }

            throw new ProviderUnreadableException(exception.Message, exception);
        }
    }

    private void Check(OpenIddictConfiguration configuration)
    {
        foreach (var (name, address) in new[]
        {
            ("authorization_endpoint", configuration.AuthorizationEndpoint), ("token_endpoint", configuration.TokenEndpoint), ("jwks_uri", configuration.JsonWebKeySetUri),
            ("userinfo_endpoint", configuration.UserInfoEndpoint),
        })
        {
            if (address is null ? name != "userinfo_endpoint" : !IdentityProviderRules.IsSecure(address, allowsLoopback))
                throw new ProviderUnreadableException($"Its discovery document has no {name} that begins with https://.", null);
        }

        if (configuration.SigningKeys.Count == 0)
            throw new ProviderUnreadableException("Its key set has no key that signs.", null);
    }
}

/// <summary>The message is for administrators.</summary>
public sealed class ProviderUnreadableException(string message, Exception? inner) : Exception(message, inner);
