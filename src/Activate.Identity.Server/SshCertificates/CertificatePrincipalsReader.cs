using System.Data.Common;
using Activate.Identity.Core.Clusters;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Core.SshCertificates;
using Activate.Identity.Data;
using Activate.Identity.Data.Organizations;
using Activate.Identity.Server.Credentials;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.SshCertificates;

/// <summary>
/// The one indexed read behind a login with a certificate: whether it still counts on this cluster, and for which account. The signature, the time and the principal within are
/// for sshd to check; here is what a certificate cannot know: what became of the person, the session and the cluster since.
/// </summary>
public sealed class CertificatePrincipalsReader(IServiceScopeFactory scopes, TimeProvider clock) : IAsyncDisposable
{
    private readonly PreparedRead<CertificateAt, Standing> _certificates = new(scopes, CertificateBySerial, new CertificateAt(Guid.Empty, 0), Fold, CertificateAt.Value);

    /// <summary>The principal that the certificate of a serial may have here; null for every reason against it, in the same way.</summary>
    /// <param name="serviceAccountId">The caller: the service account of the cluster.</param>
    /// <param name="serial">Of the certificate.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async ValueTask<CertificatePrincipal?> FindAsync(Guid serviceAccountId, long serial, CancellationToken cancellationToken) =>
        await _certificates.ReadAsync(new CertificateAt(serviceAccountId, serial), cancellationToken) is { Principal: { } principal } standing
            && standing.EndsAt > clock.GetUtcNow().UtcDateTime ? principal : null;

    public ValueTask DisposeAsync() => _certificates.DisposeAsync();

    // The order of the members is the order of the columns below. One row for each pending cut of the session, or one without.
    internal static IQueryable CertificateBySerial(ActivateDbContext database, CertificateAt at) =>
        from certificate in database.SshCertificates
        where certificate.Serial == at.Serial
        from cluster in database.Clusters.Where(cluster => cluster.ServiceAccountId == at.Cluster && cluster.Id == certificate.ClusterId)
        let session = certificate.Grant!
        let user = session.Owner!
        from cut in database.PolicyCuts
            .Where(cut => cut.OrganizationId == user.OrganizationId && cut.Version > session.PolicyVersion && cut.DoneAt == null).DefaultIfEmpty()
        select new
        {
            user.Disabled, user.Organization!.Suspended, cluster.Id, cluster.AccessMode, cluster.AllowedRoles, user.Role,
            IsListed = database.ClusterUsers.Any(listed => listed.ClusterId == cluster.Id && listed.UserId == user.Id),
            Username = user.UserName!, Mapped = database.ClusterAccounts.Where(account => account.ClusterId == cluster.Id && account.UserId == user.Id).Select(account => account.UnixName).FirstOrDefault(),
            IsOthers = database.ClusterAccounts.Any(account => account.ClusterId == cluster.Id && account.UnixName == user.UserName),
            CertificateEndsAt = certificate.ExpiresAt, session.CreatedAt, SessionEndsAt = session.ExpiresAt, GraceEndsAt = (DateTime?)cut.GraceEndsAt, Maximum = cut.TokenMaximumHours,
            certificate.Account, user.PausedFrom,
        };

    private static Standing Fold(DbDataReader row, Standing? before)
    {
        var account = CertificatePrincipal.AccountOf(row.GetString(7), row.IsDBNull(8) ? null : row.GetString(8), row.GetBoolean(9));
        var mayLogIn = !row.GetBoolean(0) && !row.GetBoolean(1)
            && ClusterAccess.Admits((ClusterAccessMode)row.GetInt32(3), row.GetInt32(4), (Role)row.GetInt32(5), row.GetBoolean(6))
            // An account that was given to somebody else since is not theirs any more.
            && account == row.GetString(15);
        var (certificateEnd, sessionEnd) = (CredentialReader.Time(row, 10)!.Value, CredentialReader.Time(row, 12)!.Value);
        if (CredentialReader.Time(row, 13) is { } graceEndsAt)
            sessionEnd = PolicyCut.End(CredentialKind.Session, CredentialReader.Time(row, 11)!.Value, sessionEnd, graceEndsAt, null, row.IsDBNull(14) ? null : row.GetInt32(14), null)!.Value;
        var end = sessionEnd < certificateEnd ? sessionEnd : certificateEnd;
        if (CredentialReader.Time(row, 16) is { } paused && paused < end)
            end = paused;
        return new Standing(mayLogIn ? new CertificatePrincipal(account!, row.GetId(2)) : null, before is { } other && other.EndsAt < end ? other.EndsAt : end);
    }

    private sealed record Standing(CertificatePrincipal? Principal, DateTime EndsAt);
}

/// <summary>Which certificate is asked about, and where.</summary>
/// <param name="Cluster">The caller: the service account of the cluster.</param>
/// <param name="Serial">Of the certificate.</param>
internal readonly record struct CertificateAt(Guid Cluster, long Serial)
{
    /// <summary>The value of a parameter of the query above, which EF Core names after the member it comes from.</summary>
    public static object Value(CertificateAt at, string parameter) =>
        parameter.EndsWith(nameof(Cluster), StringComparison.Ordinal) ? at.Cluster
        : parameter.EndsWith(nameof(Serial), StringComparison.Ordinal) ? at.Serial
        : throw new InvalidOperationException($"No value for the parameter {parameter}.");
}
