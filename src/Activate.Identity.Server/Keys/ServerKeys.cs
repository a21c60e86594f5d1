using System.Security.Cryptography;
using Activate.Identity.Data;
using Activate.Identity.Data.Keys;
using Microsoft.EntityFrameworkCore;
using Microsoft.IdentityModel.Tokens;

namespace Activate.Identity.Server.Keys;

/// <summary>The keys of what only this server reads back, made at first start and the same on every node. Those that sign are <see cref="SigningKeys"/>.</summary>
public sealed class ServerKeys(IServiceScopeFactory scopes, StoredKeys stored)
{
    private SymmetricSecurityKey? _encryption;
    private byte[]? _codeHash;

    public SymmetricSecurityKey Encryption => _encryption ?? throw new InvalidOperationException("The keys are not loaded yet.");

    /// <summary>HMAC-SHA-256 of a code that is too short, or too widely known in form, to be stored as a plain hash.</summary>
    public byte[] HashCode(ReadOnlySpan<byte> code) => HMACSHA256.HashData(_codeHash ?? throw new InvalidOperationException("The keys are not loaded yet."), code);

    public async Task LoadAsync()
    {
        await using var scope = scopes.CreateAsyncScope();
        var database = scope.ServiceProvider.GetRequiredService<ActivateDbContext>();
        _encryption = new SymmetricSecurityKey(await GetAsync(database, ServerKeyUse.Encryption));
        _codeHash = await GetAsync(database, ServerKeyUse.CodeHash);
    }

    private async Task<byte[]> GetAsync(ActivateDbContext database, ServerKeyUse use)
    {
        await stored.MakeFirstAsync(database, use, () => RandomNumberGenerator.GetBytes(32));
        return stored.Read(use, await database.ServerKeys.Where(key => key.Use == use).OrderByDescending(key => key.Generation).Select(key => key.Protected).FirstAsync());
    }
}
