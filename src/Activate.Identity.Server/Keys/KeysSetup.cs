using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Activate.Identity.Data;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.DataProtection.KeyManagement;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Keys;

/// <summary>What the key ring is encrypted with.</summary>
/// <param name="Subject">Null: nothing, which only Development may.</param>
/// <param name="EndsAt">It goes on opening the ring after that; whoever watches over certificates would like to know.</param>
public sealed record RingCertificate(string? Subject, DateTime? EndsAt);

/// <summary>The data-protection ring (in the database, shared by all nodes) and the server's own keys under it.</summary>
public static class KeysSetup
{
    public static void AddKeys(this WebApplicationBuilder builder)
    {
        var ring = builder.Services.AddDataProtection().SetApplicationName("Activate.Identity").PersistKeysToDbContext<ActivateDbContext>();
        var path = builder.Configuration["KeyRing:CertificatePath"];
        X509Certificate2? certificate = null;
        if (!string.IsNullOrEmpty(path))
            ring.ProtectKeysWithCertificate(certificate = LoadCertificate(path, builder.Configuration["KeyRing:CertificatePassword"]));
        else if (builder.Environment.IsProduction())
            throw new StartupException("KeyRing:CertificatePath is not set. In Production the key ring in the database must be encrypted by a certificate (PKCS#12) that is not in the database: docs/operations.md says how to make one.");
        builder.Services.AddSingleton(new RingCertificate(certificate?.Subject, certificate?.NotAfter.ToUniversalTime()));
        builder.Services.AddSingleton<StoredKeys>();
        builder.Services.AddSingleton<ServerKeys>();
        builder.Services.AddSingleton<SigningKeys>();
        builder.Services.AddSingleton<SigningKeyRotation>();
        builder.Services.AddHostedService(services => services.GetRequiredService<SigningKeyRotation>());
    }

    /// <summary>Makes the keys at first start and loads them.</summary>
    public static async Task PrepareKeysAsync(this WebApplication app)
    {
        await using (var scope = app.Services.CreateAsyncScope())
        {
            var database = scope.ServiceProvider.GetRequiredService<ActivateDbContext>();
            if (app.Environment.IsProduction() && await HasPlainKeyAsync(database))
                throw new StartupException($"{PlainKey} Production does not start on it. {PlainKeyRemedy}");
            // Before the ring is asked for anything: one that does not open would get a new key, in the clear where there is no certificate, and every node would go on with that.
            if (await database.ServerKeys.AnyAsync() && !app.Services.GetRequiredService<IKeyManager>().GetAllKeys().Any(Opens))
                throw StoredKeys.Lost("keys");
        }

        await app.Services.GetRequiredService<ServerKeys>().LoadAsync();
        await app.Services.GetRequiredService<SigningKeys>().LoadAsync();
    }

    internal const string PlainKey = "The key ring in the database holds a key that is not encrypted: it was made by a start without a certificate.";

    internal const string PlainKeyRemedy =
        "If the server's own keys were made in Development, begin with an empty database, because a certificate that is set later does not encrypt what lies under that key. If they were made with the certificate, delete the rows of DataProtectionKeys whose Xml holds <masterKey, and people sign in again.";

    internal static Task<bool> HasPlainKeyAsync(ActivateDbContext database) => database.DataProtectionKeys.AnyAsync(key => key.Xml!.Contains("<masterKey"));

    public static void MapKeys(this WebApplication app) => app.MapSigningKeysApi();

    /// <summary><c>rotate-keys</c> on the server's own command line, for who may start it but has no account. Nodes that run follow within seconds.</summary>
    public static async Task<int> RotateKeysAsync(this WebApplication app)
    {
        if (!(await app.Services.GetRequiredService<SigningKeyRotation>().RotateAsync(actor: null, CancellationToken.None)).TryGet(out var added, out var problem))
        {
            await Console.Error.WriteLineAsync(problem.Detail);
            return 1;
        }

        foreach (var key in added)
            await Console.Out.WriteLineAsync($"The {key} signs from {key.SignsFrom:yyyy-MM-dd'T'HH:mm:ss'Z'}.");
        return 0;
    }

    private static bool Opens(IKey key)
    {
        try
        {
            return key.CreateEncryptor() is not null;
        }
        catch (Exception exception) when (exception is CryptographicException or InvalidOperationException)
        {
            return false;
        }
    }

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
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new StartupException($"KeyRing:CertificatePath '{path}' cannot be read as PKCS#12 with KeyRing:CertificatePassword: {exception.Message}");
        }
    }
}
