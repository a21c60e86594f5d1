using System.Text;
using Activate.Identity.Core.SecondFactors;
using Activate.Identity.Data;
using Activate.Identity.Data.SecondFactors;
using Activate.Identity.Server.Keys;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.SecondFactors;

/// <summary>Codes on paper that stand in for a lost second factor: made ten at a time, shown once, each good for one sign-in.</summary>
public sealed class RecoveryCodeIssuer(ActivateDbContext database, ServerKeys keys, TimeProvider clock)
{
    /// <summary>New codes in place of all there are, in the caller's transaction; the caller saves.</summary>
    /// <returns>As they are shown.</returns>
    public async Task<IReadOnlyList<string>> ReplaceAsync(Guid userId, CancellationToken cancellationToken)
    {
        await database.RecoveryCodes.Where(code => code.UserId == userId).ExecuteDeleteAsync(cancellationToken);
        var codes = RecoveryCodes.Generate();
        database.RecoveryCodes.AddRange(codes.Select(code => new RecoveryCode { UserId = userId, Hash = Hash(code), CreatedAt = clock.Now() }));
        return [.. codes.Select(RecoveryCodes.Display)];
    }

    /// <summary>Uses a code up, in the caller's transaction. False: there is no such code (any more).</summary>
    public async Task<bool> TakeAsync(Guid userId, string code, CancellationToken cancellationToken)
    {
        var hash = Hash(code);
        return await database.RecoveryCodes.Where(row => row.UserId == userId && row.Hash == hash).ExecuteDeleteAsync(cancellationToken) == 1;
    }

    private byte[] Hash(string code) => keys.HashCode(Encoding.ASCII.GetBytes($"recovery {code}"));
}
