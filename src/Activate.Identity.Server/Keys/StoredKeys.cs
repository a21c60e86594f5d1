using System.Security.Cryptography;
using Activate.Identity.Data;
using Activate.Identity.Data.Keys;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Keys;

/// <summary>
/// How keys lie in the database: encrypted by the ring. Losing the ring loses them: the server then refuses to start rather than sign with a new key that
/// nobody was told of.
/// </summary>
public sealed class StoredKeys(IDataProtectionProvider protection, TimeProvider clock)
{
    /// <summary>The first key of a use counts since ever: no clock that is a little behind finds no key.</summary>
    private static readonly DateTime s_sinceEver = DateTime.SpecifyKind(DateTime.MinValue, DateTimeKind.Utc);

    private readonly IDataProtector _protector = protection.CreateProtector("Activate.Identity.ServerKeys");

    /// <summary>Makes the first key of a use, unless there is one or another node is quicker.</summary>
    public async Task MakeFirstAsync(ActivateDbContext database, ServerKeyUse use, Func<byte[]> make)
    {
        if (await database.ServerKeys.AnyAsync(key => key.Use == use))
            return;
        database.ServerKeys.Add(Row(use, 1, make(), s_sinceEver));
        try
        {
            await database.SaveChangesAsync();
        }
        catch (DbUpdateException exception) when (DatabaseFaults.IsDuplicate(exception))
        {
            // Another node made it first; its key counts.
            database.ChangeTracker.Clear();
        }
    }

    public ServerKey Row(ServerKeyUse use, int generation, byte[] key, DateTime signsFrom) => new()
    {
        Id = Guid.CreateVersion7(clock.GetUtcNow()),
        Use = use,
        Generation = generation,
        Protected = Convert.ToBase64String(_protector.Protect(key)),
        CreatedAt = clock.Now(),
        SignsFrom = signsFrom,
    };

    public byte[] Read(ServerKeyUse use, string stored)
    {
        try
        {
            return _protector.Unprotect(Convert.FromBase64String(stored));
        }
        catch (Exception exception) when (exception is CryptographicException or FormatException)
        {
            throw Lost($"{use} key");
        }
    }

    internal static StartupException Lost(string what) =>
        new($"The database's {what} cannot be decrypted: the key ring or its certificate (KeyRing:CertificatePath) is not that of this database. Restore it; a new key would silently break every token.");
}
