using System.Security.Cryptography;
using System.Text;
using Activate.Identity.Data.IdentityProviders;
using Microsoft.AspNetCore.DataProtection;

namespace Activate.Identity.Server.IdentityProviders;

/// <summary>The secrets that providers gave us: encrypted by the ring, each for its provider, so that no row's secret can be moved to another.</summary>
public sealed class ProviderSecrets(IDataProtectionProvider protection)
{
    public byte[]? Protect(Guid providerId, string? secret) => secret is null ? null : For(providerId).Protect(Encoding.UTF8.GetBytes(secret));

    /// <summary>Null: it has none, or the ring that encrypted it is lost.</summary>
    public string? Read(IdentityProvider provider)
    {
        if (provider.ProtectedSecret is not { } sealedSecret)
            return null;
        try
        {
            return Encoding.UTF8.GetString(For(provider.Id).Unprotect(sealedSecret));
        }
        catch (CryptographicException)
        {
            return null;
        }
    }

    private IDataProtector For(Guid providerId) => protection.CreateProtector("identity provider", providerId.ToString());
}
