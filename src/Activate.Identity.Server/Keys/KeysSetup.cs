using System.Security.Cryptography.X509Certificates;
using Activate.Identity.Data;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.DataProtection;

namespace Activate.Identity.Server.Keys;

/// <summary>The data-protection ring (in the database, shared by all nodes) and the server's own keys under it.</summary>
public static class KeysSetup
{
    public static void AddKeys(this WebApplicationBuilder builder)
    {
        var ring = builder.Services.AddDataProtection().SetApplicationName("Activate.Identity").PersistKeysToDbContext<ActivateDbContext>();
        var path = builder.Configuration["KeyRing:CertificatePath"];
        if (!string.IsNullOrEmpty(path))
            ring.ProtectKeysWithCertificate(LoadCertificate(path, builder.Configuration["KeyRing:CertificatePassword"]));
        else if (builder.Environment.IsProduction())
            throw new StartupException("KeyRing:CertificatePath is not set. In Production the key ring in the database must be encrypted by a certificate (PKCS#12) that is not in the database.");
        builder.Services.AddSingleton<ServerKeys>();
    }

    /// <summary>Makes the keys at first start and loads them.</summary>
    public static Task PrepareKeysAsync(this WebApplication app) => app.Services.GetRequiredService<ServerKeys>().LoadAsync();

    private static X509Certificate2 LoadCertificate(string path, string? password)
    {
        try
        {
            var certificate = X509CertificateLoader.LoadPkcs12FromFile(path, password);
            using var key = certificate.GetRSAPrivateKey();
            return key is not null
                ? certificate
                : throw new StartupException($"KeyRing:CertificatePath '{path}' holds no RSA private key. The key ring needs one to encrypt and decrypt.");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or System.Security.Cryptography.CryptographicException)
        {
            throw new StartupException($"KeyRing:CertificatePath '{path}' cannot be read as PKCS#12 with KeyRing:CertificatePassword: {exception.Message}");
        }
    }
}
