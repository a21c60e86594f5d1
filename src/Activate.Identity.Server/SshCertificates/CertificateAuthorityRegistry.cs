using System.Globalization;
using System.Security.Cryptography;
using Activate.Identity.Core.Errors;
using Activate.Identity.Core.SshCertificates;
using Activate.Identity.Data;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Data.Audit;
using Activate.Identity.Data.SshCertificates;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Keys;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.SshCertificates;

/// <summary>An authority among those of its organization.</summary>
/// <param name="Row">As stored.</param>
/// <param name="RetiresAt">From when no certificate of it lives any more, and no host is told of it; null: there is none after it.</param>
/// <param name="State">At the moment it was read.</param>
public sealed record CertificateAuthority(SshCertificateAuthority Row, DateTime? RetiresAt, SigningKeyState State)
{
    public override string ToString() => $"certificate authority {Row.Generation}";
}

/// <summary>
/// The keys that sign an organization's SSH certificates. The first is made when somebody needs one; of two nodes that do at once, one waits for the other. Each private key is
/// encrypted by the ring under the organization's own purpose, so that a row that was copied to another organization opens nothing there.
/// </summary>
public sealed class CertificateAuthorityRegistry(ActivateDbContext database, IDataProtectionProvider protection, AuditTrail audit, TimeProvider clock)
{
    private const string Purpose = "Activate.Identity.SshCertificateAuthorities";

    /// <summary>The first one counts since ever: no clock that is a little behind finds none.</summary>
    private static readonly DateTime s_sinceEver = DateTime.SpecifyKind(DateTime.MinValue, DateTimeKind.Utc);

    /// <summary>All that hosts are to trust, newest first; never none.</summary>
    public async Task<IReadOnlyList<CertificateAuthority>> TrustedAsync(Guid organizationId, CancellationToken cancellationToken)
    {
        var known = await ReadAsync(organizationId, cancellationToken);
        return known.Count > 0 ? known : (await AddAsync(organizationId, actor: null, "on first need", before => before.Count == 0, cancellationToken)).Trusted;
    }

    /// <summary>The private key that signs now; the caller disposes of it.</summary>
    public async Task<ECDsa> SigningKeyAsync(Guid organizationId, CancellationToken cancellationToken)
    {
        var current = (await TrustedAsync(organizationId, cancellationToken)).Single(authority => authority.State == SigningKeyState.Current).Row;
        try
        {
            return SshAuthority.Read(Protector(organizationId).Unprotect(Convert.FromBase64String(current.Protected)));
        }
        catch (CryptographicException exception)
        {
            throw new InvalidOperationException(
                "The key of an SSH certificate authority cannot be decrypted: the key ring or its certificate (KeyRing:CertificatePath) is not the one it was made with. Restore it.", exception);
        }
    }

    /// <summary>A new authority: told to hosts now, signing when they know it.</summary>
    public async Task<Result<CertificateAuthority>> RotateAsync(AuditActor actor, CancellationToken cancellationToken)
    {
        var (trusted, added) = await AddAsync(actor.OrganizationId, actor, "on command", before => before.Count < CertificateAuthoritySchedule.MostAuthorities, cancellationToken);
        if (added is not null)
            return trusted.Single(authority => authority.Row == added);
        var next = trusted.Min(authority => authority.RetiresAt)!.Value;
        return new Problem(ProblemKind.TooMany, "too_many_certificate_authorities",
            $"{CertificateAuthoritySchedule.MostAuthorities} authorities are trusted already. One retires at {next:yyyy-MM-dd'T'HH:mm:ss'Z'}.") { RetryAfter = next - clock.Now() };
    }

    /// <summary>The next authority where the newest is old enough; and rows that no certificate needs any more go.</summary>
    public async Task RenewAsync(Guid organizationId, CancellationToken cancellationToken)
    {
        var due = clock.Now() - CertificateAuthoritySchedule.Period;
        await AddAsync(organizationId, actor: null, "on schedule", before => before.Count > 0 && before[0].Row.CreatedAt <= due, cancellationToken);
        var rows = Described(await RowsAsync(organizationId, cancellationToken));
        var over = rows.Where(authority => authority.RetiresAt <= clock.Now() - SigningKeySchedule.Kept).Select(authority => authority.Row.Id).ToList();
        if (over.Count > 0)
            await database.SshCertificateAuthorities.Where(authority => over.Contains(authority.Id)).ExecuteDeleteAsync(cancellationToken);
    }

    /// <summary>One at a time in an organization: who waited sees what the one before did, and decides by that.</summary>
    private async Task<(IReadOnlyList<CertificateAuthority> Trusted, SshCertificateAuthority? Added)> AddAsync(
        Guid organizationId, AuditActor? actor, string why, Func<IReadOnlyList<CertificateAuthority>, bool> isWanted, CancellationToken cancellationToken)
    {
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        await database.TakeTurnOfOrganizationAsync(organizationId, cancellationToken);
        var before = await ReadAsync(organizationId, cancellationToken);
        if (!isWanted(before))
            return (before, null);
        var now = clock.Now();
        var signsFrom = now + CertificateAuthoritySchedule.Lead;
        var pkcs8 = SshAuthority.Generate();
        using var key = SshAuthority.Read(pkcs8);
        var added = new SshCertificateAuthority
        {
            Id = Guid.CreateVersion7(clock.GetUtcNow()),
            OrganizationId = organizationId,
            Generation = before.Count == 0 ? 1 : before[0].Row.Generation + 1,
            PublicKey = SshAuthority.PublicKey(key).Text,
            Protected = Convert.ToBase64String(Protector(organizationId).Protect(pkcs8)),
            CreatedAt = now,
            // Never before the one before it, whichever node's clock that was.
            SignsFrom = before.Count == 0 ? s_sinceEver : before[0].Row.SignsFrom > signsFrom ? before[0].Row.SignsFrom : signsFrom,
        };
        database.SshCertificateAuthorities.Add(added);
        audit.Add(AuditTypes.SshCertificateAuthorityMade, actor, added.Id, organization: organizationId, detail: string.Create(CultureInfo.InvariantCulture,
            $"generation {added.Generation}, {SshAuthority.PublicKey(key).Fingerprint}, {(before.Count == 0 ? "signs at once" : $"signs from {added.SignsFrom:yyyy-MM-dd'T'HH:mm:ss'Z'}")}; {why}"));
        await database.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return (Trusted([added, .. before.Select(authority => authority.Row)]), added);
    }

    private async Task<IReadOnlyList<CertificateAuthority>> ReadAsync(Guid organizationId, CancellationToken cancellationToken) => Trusted(await RowsAsync(organizationId, cancellationToken));

    private Task<List<SshCertificateAuthority>> RowsAsync(Guid organizationId, CancellationToken cancellationToken) =>
        database.SshCertificateAuthorities.AsNoTracking().Where(authority => authority.OrganizationId == organizationId).OrderByDescending(authority => authority.Generation).ToListAsync(cancellationToken);

    private IReadOnlyList<CertificateAuthority> Trusted(IEnumerable<SshCertificateAuthority> newestFirst) => [.. Described(newestFirst).Where(authority => !(authority.RetiresAt <= clock.Now()))];

    private List<CertificateAuthority> Described(IEnumerable<SshCertificateAuthority> newestFirst)
    {
        var (now, described) = (clock.Now(), new List<CertificateAuthority>());
        SshCertificateAuthority? next = null;
        foreach (var row in newestFirst)
        {
            described.Add(new CertificateAuthority(row, next is null ? null : CertificateAuthoritySchedule.RetiresAt(next.SignsFrom),
                row.SignsFrom > now ? SigningKeyState.Upcoming : next is null || next.SignsFrom > now ? SigningKeyState.Current : SigningKeyState.Retiring));
            next = row;
        }

        return described;
    }

    private IDataProtector Protector(Guid organizationId) => protection.CreateProtector(Purpose, organizationId.ToString());
}
