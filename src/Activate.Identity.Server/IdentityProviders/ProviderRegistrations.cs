using System.Collections.Concurrent;
using System.Collections.Immutable;
using Activate.Identity.Data;
using Activate.Identity.Data.IdentityProviders;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;
using Microsoft.IdentityModel.Protocols;
using Microsoft.IdentityModel.Tokens;
using OpenIddict.Abstractions;
using OpenIddict.Client;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace Activate.Identity.Server.IdentityProviders;

/// <summary>
/// The providers of organizations, where OpenIddict's client looks for those that a program is configured with: read anew from the database for each sign-in, so that a change counts at
/// once on every node. Only ids are answered: the issuer may be that of several organizations (docs/decisions/0019).
/// </summary>
public sealed class ProviderRegistrations(
    IServiceProvider provider, IServiceScopeFactory scopes, ProviderSecrets secrets, PublicOrigin origin, IHostEnvironment environment, TimeProvider clock) : OpenIddictClientService(provider)
{
    public static readonly TimeSpan ClockSkew = TimeSpan.FromMinutes(2);

    /// <summary>None of them can be made without a private key: with the secret that we share, anybody at the provider who knows it could.</summary>
    private static readonly string[] s_algorithms =
    [
        SecurityAlgorithms.RsaSha256, SecurityAlgorithms.RsaSha384, SecurityAlgorithms.RsaSha512, SecurityAlgorithms.RsaSsaPssSha256, SecurityAlgorithms.RsaSsaPssSha384,
        SecurityAlgorithms.RsaSsaPssSha512, SecurityAlgorithms.EcdsaSha256, SecurityAlgorithms.EcdsaSha384, SecurityAlgorithms.EcdsaSha512,
    ];

    /// <summary>Each provider's, while this node runs: there are few, and their issuers stay.</summary>
    private readonly ConcurrentDictionary<Guid, ProviderDocument> _documents = new();

    public bool AllowsLoopback => environment.IsDevelopment();

    public string RedirectUri => $"{origin.Value}{CallbackPage.Path}";

    /// <summary>The link that an organization gives its people.</summary>
    public string SignInUri(string slug) => $"{origin.Value}/sign-in/{slug}";

    public override async ValueTask<OpenIddictClientRegistration> GetClientRegistrationByIdAsync(string identifier, CancellationToken cancellationToken = default) =>
        Guid.TryParse(identifier, out var id) && await FindAsync(id, cancellationToken) is { } row
            ? Registration(row)
            : throw new InvalidOperationException("There is no such provider any more, or it is switched off.");

    public override ValueTask<OpenIddictClientRegistration> GetClientRegistrationByIssuerAsync(Uri uri, CancellationToken cancellationToken = default) => throw OnlyById();

    public override ValueTask<OpenIddictClientRegistration> GetClientRegistrationByProviderNameAsync(string name, CancellationToken cancellationToken = default) => throw OnlyById();

    public override ValueTask<ImmutableArray<OpenIddictClientRegistration>> GetClientRegistrationsAsync(CancellationToken cancellationToken = default) => new([]);

    /// <summary>The provider if people may sign in there now.</summary>
    public async Task<IdentityProvider?> FindAsync(Guid id, CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        return await scope.ServiceProvider.GetRequiredService<ActivateDbContext>().IdentityProviders.AsNoTracking()
            .SingleOrDefaultAsync(row => row.Id == id && row.Enabled && !row.Organization!.Suspended, cancellationToken);
    }

    /// <summary>What the provider publishes.</summary>
    /// <exception cref="ProviderUnreadableException">It cannot be relied on; the message says why.</exception>
    public Task<OpenIddictConfiguration> DocumentAsync(IdentityProvider row, CancellationToken cancellationToken) => Document(row).GetConfigurationAsync(cancellationToken);

    public OpenIddictClientRegistration Registration(IdentityProvider row)
    {
        var registration = Bare(row);
        registration.ConfigurationManager = Document(row);
        return registration;
    }

    private ProviderDocument Document(IdentityProvider row) => _documents.GetOrAdd(row.Id, _ =>
    {
        var registration = Bare(row);
        IConfigurationRetriever<OpenIddictConfiguration> retriever = new OpenIddictClientRetriever(this, registration);
        return new ProviderDocument(cancellationToken => retriever.GetConfigurationAsync(DocumentAddress(row.Issuer), null!, cancellationToken), AllowsLoopback, clock);
    });

    /// <summary>OpenID Connect Discovery §4.1.</summary>
    internal static string DocumentAddress(string issuer) => $"{issuer.TrimEnd('/')}/.well-known/openid-configuration";

    private OpenIddictClientRegistration Bare(IdentityProvider row)
    {
        var registration = new OpenIddictClientRegistration
        {
            RegistrationId = row.Id.ToString(),
            Issuer = new Uri(row.Issuer),
            ClientId = row.ClientId,
            ClientSecret = secrets.Read(row),
            RedirectUri = new Uri(RedirectUri),
            ConfigurationEndpoint = new Uri(DocumentAddress(row.Issuer)),
            // A stranger who follows the link to a sign-in would make us send the provider a request with our secret each time.
            DisablePushedAuthorizationRequests = true,
        };
        registration.Scopes.UnionWith(row.Read().Scopes);
        registration.ResponseModes.Add(ResponseModes.Query);
        registration.TokenValidationParameters.ClockSkew = ClockSkew;
        registration.TokenValidationParameters.ValidAlgorithms = s_algorithms;
        return registration;
    }

    private static InvalidOperationException OnlyById() => new("Providers are found by their ids only: two organizations may have the same one.");
}
