using System.Security.Cryptography;
using Activate.Identity.Data;
using Activate.Identity.Data.Keys;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.EntityFrameworkCore;
using Microsoft.IdentityModel.Tokens;

namespace Activate.Identity.Server.Keys;

/// <summary>
/// The server's keys, made at first start, encrypted by the ring, the same on every node. Losing the ring loses them: the server then refuses to start
/// rather than sign with a new key that nobody was told of.
/// </summary>
public sealed class ServerKeys(IServiceScopeFactory scopes, IDataProtectionProvider protection, TimeProvider clock)
{
    private readonly IDataProtector _protector = protection.CreateProtector("Activate.Identity.ServerKeys");
    private RsaSecurityKey? _signing;
    private SymmetricSecurityKey? _encryption;
    private byte[]? _codeHash;

    /// <summary>Signs access and ID tokens, RS256.</summary>
    public RsaSecurityKey Signing => _signing ?? throw new InvalidOperationException("The keys are not loaded yet.");

    public SymmetricSecurityKey Encryption => _encryption ?? throw new InvalidOperationException("The keys are not loaded yet.");

    /// <summary>HMAC-SHA-256 of a code that is too short, or too widely known in form, to be stored as a plain hash.</summary>
    public byte[] HashCode(ReadOnlySpan<byte> code) => HMACSHA256.HashData(_codeHash ?? throw new InvalidOperationException("The keys are not loaded yet."), code);

    public async Task LoadAsync()
    {
        await using var scope = scopes.CreateAsyncScope();
        var database = scope.ServiceProvider.GetRequiredService<ActivateDbContext>();
        var signing = RSA.Create();
        signing.ImportPkcs8PrivateKey(await GetAsync(database, ServerKeyUse.Signing, NewSigningKey), out _);
        _signing = new RsaSecurityKey(signing);
        _signing.KeyId = Base64UrlEncoder.Encode(_signing.ComputeJwkThumbprint());
        _encryption = new SymmetricSecurityKey(await GetAsync(database, ServerKeyUse.Encryption, () => RandomNumberGenerator.GetBytes(32)));
        _codeHash = await GetAsync(database, ServerKeyUse.CodeHash, () => RandomNumberGenerator.GetBytes(32));
    }

    private async Task<byte[]> GetAsync(ActivateDbContext database, ServerKeyUse use, Func<byte[]> make)
    {
        var key = await FindAsync(database, use);
        if (key is null)
        {
            var now = clock.GetUtcNow().UtcDateTime;
            database.ServerKeys.Add(new ServerKey
            {
                Id = Guid.CreateVersion7(now),
                Use = use,
                Generation = 1,
                Protected = Convert.ToBase64String(_protector.Protect(make())),
                CreatedAt = now,
            });
            try
            {
                await database.SaveChangesAsync();
            }
            catch (DbUpdateException exception) when (DatabaseFaults.IsDuplicate(exception))
            {
                // Another node made it first; its key counts.
                database.ChangeTracker.Clear();
            }

            key = await FindAsync(database, use) ?? throw new InvalidOperationException($"The {use} key was not stored.");
        }

        try
        {
            return _protector.Unprotect(Convert.FromBase64String(key));
        }
        catch (Exception exception) when (exception is CryptographicException or FormatException)
        {
            throw new StartupException($"The {use} key in the database cannot be decrypted: the key ring or its certificate (KeyRing:CertificatePath) is not the one it was made with. Restore it; a new key would silently break every token.");
        }
    }

    private static Task<string?> FindAsync(ActivateDbContext database, ServerKeyUse use) =>
        database.ServerKeys.AsNoTracking().Where(key => key.Use == use).OrderByDescending(key => key.Generation).Select(key => key.Protected).FirstOrDefaultAsync();

    private static byte[] NewSigningKey()
    {
        using var rsa = RSA.Create(2048);
        return rsa.ExportPkcs8PrivateKey();
    }
}
