using System.Text;
using Activate.Identity.Data;
using Activate.Identity.Data.Applications;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Keys;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using OpenIddict.Abstractions;
using OpenIddict.Core;

namespace Activate.Identity.Server.Connect;

/// <summary>
/// Two changes to OpenIddict's tokens. Their ids are stored as an HMAC with a ring key. And when it revokes an authorization, because a code came twice,
/// the grants that stand on it end too, so that the access tokens of the first use die with it.
/// </summary>
public sealed class ReferenceTokens(
    IOpenIddictTokenCache<Token> cache, ILogger<OpenIddictTokenManager<Token>> logger, IOptionsMonitor<OpenIddictCoreOptions> options, IOpenIddictTokenStore<Token> store,
    ServerKeys keys)
    : OpenIddictTokenManager<Token>(cache, logger, options, store)
{
    protected override ValueTask<string> ObfuscateReferenceIdAsync(string identifier, CancellationToken cancellationToken = default) =>
        new(Convert.ToBase64String(keys.HashCode(Encoding.UTF8.GetBytes(identifier))));

    public override async ValueTask<long> RevokeByAuthorizationIdAsync(string identifier, CancellationToken cancellationToken = default)
    {
        return await base.RevokeByAuthorizationIdAsync(identifier, cancellationToken);
    }
}
