using Activate.Identity.Core;
using Activate.Identity.Data;
using Activate.Identity.Data.Applications;
using Activate.Identity.Server.Keys;
using Activate.Identity.Server.Web;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;
using Microsoft.IdentityModel.Tokens;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using Scopes = Activate.Identity.Core.Scopes;

namespace Activate.Identity.Server.Connect;

/// <summary>
/// The OAuth2 / OpenID Connect endpoints: OpenIddict's protocol machinery, with our storage of what matters (device requests, grants) and our handlers
/// where it falls short (docs/decisions/0003).
/// </summary>
public static class ConnectSetup
{
    public static void AddConnect(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddSingleton<ApplicationCache>();
        // Before OpenIddict adds its own.
        services.AddScoped<IOpenIddictServerDispatcher, Dispatcher>();
        services.AddScoped<GrantIssuer>();
        services.AddScoped<CodeGrant>();
        services.AddScoped<RefreshGrant>();
        services.AddScoped<RevocableCredentials>();
        services.AddSingleton<RefreshChains>();
        services.AddScoped<ExchangeGrant>();
        services.AddSingleton<OwnTokens>();
        services.AddSingleton<IdTokenWriter>();
        services.AddScoped<Resources>();
        // For what seldom asks for resources, and needs no database otherwise.
        services.AddScoped(provider => new Lazy<Resources>(provider.GetRequiredService<Resources>));
        services.AddScoped<PushedRequests>();
        services.AddOpenIddict()
            .AddCore(core =>
            {
                core.UseEntityFrameworkCore().UseDbContext<ActivateDbContext>().ReplaceDefaultEntities<Application, Authorization, Scope, Token, Guid>();
                core.ReplaceApplicationManager<Application, ApplicationSecrets>();
            })
            .AddServer(server =>
            {
                server.SetAuthorizationEndpointUris("connect/authorize")
                    .SetTokenEndpointUris("connect/token")
                    .SetDeviceAuthorizationEndpointUris("connect/device")
                    .SetEndUserVerificationEndpointUris("device")
                    .SetIntrospectionEndpointUris("connect/introspect")
                    .SetRevocationEndpointUris("connect/revoke")
                    .SetUserInfoEndpointUris("connect/userinfo")
                    .SetPushedAuthorizationEndpointUris("connect/par")
                    .SetEndSessionEndpointUris("connect/logout")
                    .SetJsonWebKeySetEndpointUris(".well-known/jwks");
                server.AllowAuthorizationCodeFlow().AllowDeviceAuthorizationFlow().AllowRefreshTokenFlow().AllowClientCredentialsFlow().AllowTokenExchangeFlow();
                server.RegisterScopes([.. Scopes.All]);
                server.RegisterClaims([Claims.Subject, Claims.AuthenticationTime, Claims.AuthenticationContextReference, Claims.AuthenticationMethodReference, .. OwnerClaims.ScopeOf.Keys]);
                server.RegisterPromptValues(PromptValues.None, PromptValues.Login, PromptValues.Consent, PromptValues.SelectAccount);
                server.DisableAccessTokenEncryption();
                // Which scopes and resources there are, and for whom, is for our handlers to say; OpenIddict would look for more of them in tables of its own.
                server.DisableScopeValidation().DisableResourceValidation().DisableAudienceValidation().IgnoreResourcePermissions().IgnoreAudiencePermissions();
                server.Configure(options =>
                {
                    options.CodeChallengeMethods.Remove(CodeChallengeMethods.Plain);
                    // For the implicit flow, which does not exist here.
                    options.ResponseModes.Remove(ResponseModes.Fragment);
                    options.SubjectTokenTypes.Clear();
                    options.SubjectTokenTypes.UnionWith([TokenTypeIdentifiers.AccessToken, ExchangeGrant.ApiKeyType]);
                });
                server.UseAspNetCore().EnableAuthorizationEndpointPassthrough().EnableEndSessionEndpointPassthrough().DisableTransportSecurityRequirement().SuppressJsonResponseIndentation();
                foreach (var handler in (IEnumerable<OpenIddictServerHandlerDescriptor>)
                    [.. DeviceHandlers.All, .. TokenHandlers.All, .. CredentialHandlers.All, .. GrantHandlers.All, .. PushedHandlers.All, .. UserInfoHandlers.All, .. DiscoveryHandlers.All, .. RequestRules.All])
                    server.AddEventHandler(handler);
            });
        // After OpenIddict's own checks, one of which refuses device logins without its storage: theirs and all other codes and tokens are stored by us.
        services.PostConfigure<OpenIddictServerOptions>(options => options.DisableTokenStorage = options.DisableAuthorizationStorage = true);
        services.AddSingleton<ServerKeysForOpenIddict>();
        services.AddSingleton<IConfigureOptions<OpenIddictServerOptions>>(provider => provider.GetRequiredService<ServerKeysForOpenIddict>());
        services.AddSingleton<IPostConfigureOptions<OpenIddictServerOptions>>(provider => provider.GetRequiredService<ServerKeysForOpenIddict>());
        services.AddSingleton<IOptionsChangeTokenSource<OpenIddictServerOptions>>(provider => provider.GetRequiredService<ServerKeysForOpenIddict>());
    }

    /// <summary>Registers the applications that every server has.</summary>
    public static async Task PrepareApplicationsAsync(this WebApplication app)
    {
        await using var scope = app.Services.CreateAsyncScope();
        await BuiltInApplications.PrepareAsync(scope.ServiceProvider);
    }

    /// <summary>
    /// OpenIddict asks for its keys when the first request comes: the database has been read by then. Its options are made anew whenever another key signs or
    /// others are published: they are the key set, and verify ID tokens that come back to it.
    /// </summary>
    private sealed class ServerKeysForOpenIddict(ServerKeys keys, SigningKeys signing, PublicOrigin origin, TimeProvider clock)
        : IConfigureOptions<OpenIddictServerOptions>, IPostConfigureOptions<OpenIddictServerOptions>, IOptionsChangeTokenSource<OpenIddictServerOptions>
    {
        public string Name => Options.DefaultName;

        public IChangeToken GetChangeToken() => signing.Changes();

        public void Configure(OpenIddictServerOptions options)
        {
            options.Issuer = new Uri(origin.Issuer);
            AddSigning(options);
            options.EncryptionCredentials.Add(new EncryptingCredentials(keys.Encryption, SecurityAlgorithms.Aes256KW, SecurityAlgorithms.Aes256CbcHmacSha512));
        }

        /// <summary>After OpenIddict's own, which insists on keys, and sorts them in a way that need not keep ours first.</summary>
        public void PostConfigure(string? name, OpenIddictServerOptions options)
        {
            options.SigningCredentials.Clear();
            AddSigning(options);
        }

        private void AddSigning(OpenIddictServerOptions options) => options.SigningCredentials.AddRange(signing.Published(clock.Now()).Select(key => key.Credentials));
    }
}
