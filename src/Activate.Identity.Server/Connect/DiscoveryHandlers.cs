using Activate.Identity.Server.Accounts;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;
using static OpenIddict.Server.OpenIddictServerHandlers;

namespace Activate.Identity.Server.Connect;

/// <summary>What the discovery documents say beyond what OpenIddict knows of us.</summary>
internal static class DiscoveryHandlers
{
    public static readonly OpenIddictServerHandlerDescriptor[] All =
    [
        Handlers.Handle<HandleConfigurationRequestContext, Describe>(Discovery.AttachAdditionalMetadata.Descriptor.Order + 500),
    ];

    internal sealed class Describe : IOpenIddictServerHandler<HandleConfigurationRequestContext>
    {
        public ValueTask HandleAsync(HandleConfigurationRequestContext context)
        {
            context.Metadata["claims_parameter_supported"] = true;
            context.Metadata["request_parameter_supported"] = false;
            // Only references of requests that were pushed to us.
            context.Metadata["request_uri_parameter_supported"] = false;
            context.Metadata["acr_values_supported"] = new(System.Collections.Immutable.ImmutableArray.Create<string?>(SignedIn.OneFactor, SignedIn.TwoFactors));
            context.IdTokenSigningAlgorithms.UnionWith([Microsoft.IdentityModel.Tokens.SecurityAlgorithms.RsaSha256, Microsoft.IdentityModel.Tokens.SecurityAlgorithms.EcdsaSha256]);
            return default;
        }
    }
}
