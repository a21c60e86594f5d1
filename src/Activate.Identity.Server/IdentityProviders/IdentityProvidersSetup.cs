using System.Net;
using System.Security.Cryptography;
using Activate.Identity.Server.Keys;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Http;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Tokens;
using OpenIddict.Client;
using OpenIddict.Client.AspNetCore;
using OpenIddict.Client.SystemNetHttp;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace Activate.Identity.Server.IdentityProviders;

/// <summary>Signing in at an organization's own OpenID Connect provider: OpenIddict's client, with providers that come from the database.</summary>
public static class IdentityProvidersSetup
{
    /// <summary>How long somebody may take at their provider.</summary>
    internal static readonly TimeSpan StateLifetime = TimeSpan.FromMinutes(15);

    /// <summary>The one client that goes out and is not OpenIddict's.</summary>
    internal const string CheckClient = "identity provider check";

    private const string OpenIddictClients = "OpenIddict.Client.SystemNetHttp";

    public static void AddIdentityProviders(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        // At once: a setting that means nothing stops the start.
        services.AddSingleton(new Outbound(builder.Configuration));
        services.AddSingleton<ProviderSecrets>();
        services.AddSingleton<RememberedOrganization>();
        services.AddSingleton<ProviderRegistrations>();
        // Before OpenIddict adds its own.
        services.AddSingleton<OpenIddictClientService>(provider => provider.GetRequiredService<ProviderRegistrations>());
        services.AddScoped<ProviderChallenge>();
        services.AddScoped<ProviderCheck>();
        services.AddScoped<ExternalAccounts>();
        services.AddScoped<IdentityProviderRegistry>();
        services.AddOpenIddict().AddClient(client =>
        {
            client.AllowAuthorizationCodeFlow().SetRedirectionEndpointUris(CallbackPage.Path.TrimStart('/'));
            client.SetStateTokenLifetime(StateLifetime);
            // Each start would be a row; SpendState notes those that are finished.
            client.DisableTokenStorage();
            client.UseAspNetCore().EnableRedirectionEndpointPassthrough().EnableErrorPassthrough().DisableTransportSecurityRequirement();
            client.UseSystemNetHttp();
            client.Configure(options =>
            {
                options.DisableWebServicesFederationClaimMapping = true;
                options.CodeChallengeMethods.Remove(CodeChallengeMethods.Plain);
                // The answer comes as a link: in a form from elsewhere the browser would send none of our cookies.
                options.ResponseModes.IntersectWith([ResponseModes.Query]);
            });
            foreach (var handler in ClientHandlers.All)
                client.AddEventHandler(handler);
        });
        services.AddSingleton<IConfigureOptions<OpenIddictClientOptions>, ClientKeys>();
        services.AddOptions<OpenIddictClientAspNetCoreOptions>().Configure<PublicOrigin>((options, origin) =>
        {
            options.CookieBuilder.Name = origin.IsHttps ? "__Host-activate-sso" : "activate-sso";
            options.CookieBuilder.SameSite = SameSiteMode.Lax;
            options.CookieBuilder.SecurePolicy = origin.IsHttps ? CookieSecurePolicy.Always : CookieSecurePolicy.None;
            options.CookieBuilder.Path = "/";
        });
        // A code is redeemed once: whoever sends it again would be taken for a thief.
        services.Configure<OpenIddictClientSystemNetHttpOptions>(options => (options.HttpResiliencePipeline, options.AllowedDecompressionMethods) = (null, DecompressionMethods.None));
        services.AddHttpClient(CheckClient, Outbound.Limit).ConfigurePrimaryHttpMessageHandler(provider => provider.GetRequiredService<Outbound>().MakeHandler());
        // After OpenIddict's own, which insists on a handler that cannot say where it connects to.
        services.AddSingleton<IPostConfigureOptions<HttpClientFactoryOptions>, GuardedClients>();
        services.AddSingleton<IAuthenticationSchemeProvider, Schemes>();
    }

    public static void MapIdentityProviders(this WebApplication app) => app.MapIdentityProvidersApi();

    /// <summary>The keys of the state that a browser takes to the provider and back: made of the server's own, for this alone.</summary>
    private sealed class ClientKeys(ServerKeys keys, PublicOrigin origin) : IConfigureOptions<OpenIddictClientOptions>
    {
        public void Configure(OpenIddictClientOptions options)
        {
            options.ClientUri = new Uri(origin.Issuer);
            options.EncryptionCredentials.Add(new EncryptingCredentials(Derive("sso state: encryption"), SecurityAlgorithms.Aes256KW, SecurityAlgorithms.Aes256CbcHmacSha512));
            options.SigningCredentials.Add(new SigningCredentials(Derive("sso state: signature"), SecurityAlgorithms.HmacSha256));
        }

        private SymmetricSecurityKey Derive(string purpose) => new(HKDF.DeriveKey(HashAlgorithmName.SHA256, keys.Encryption.Key, 32, info: System.Text.Encoding.ASCII.GetBytes(purpose))) { KeyId = purpose };
    }

    private sealed class GuardedClients(Outbound outbound) : IPostConfigureOptions<HttpClientFactoryOptions>
    {
        public void PostConfigure(string? name, HttpClientFactoryOptions options)
        {
            if (name?.StartsWith(OpenIddictClients, StringComparison.Ordinal) != true)
                return;
            options.HttpClientActions.Add(Outbound.Limit);
            options.HttpMessageHandlerBuilderActions.Add(builder => builder.PrimaryHandler = outbound.MakeHandler());
        }
    }

    /// <summary>
    /// OpenIddict's client wants to look at each request, and there are some four hundred steps to look through. It is asked by the two pages that need it (<see cref="ProviderChallenge"/>),
    /// and costs nobody else anything.
    /// </summary>
    private sealed class Schemes(IOptions<AuthenticationOptions> options) : AuthenticationSchemeProvider(options)
    {
        /// <summary>Asked for each request; none is added while the server runs.</summary>
        private Task<IEnumerable<AuthenticationScheme>>? _handlers;

        public override Task<IEnumerable<AuthenticationScheme>> GetRequestHandlerSchemesAsync() => _handlers ??= OthersAsync();

        private async Task<IEnumerable<AuthenticationScheme>> OthersAsync() =>
            (AuthenticationScheme[])[.. (await base.GetRequestHandlerSchemesAsync()).Where(scheme => scheme.Name != OpenIddictClientAspNetCoreDefaults.AuthenticationScheme)];
    }
}
