using Activate.Identity.Core;
using Activate.Identity.Core.Errors;
using Activate.Identity.Core.SshCertificates;
using Activate.Identity.Core.SshKeys;
using Activate.Identity.Data;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Keys;
using Activate.Identity.Server.SshKeys;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.SshCertificates;

/// <summary>
/// REST of the authorities that sign an organization's SSH certificates: for its people, and for its clusters, whose sshd is to trust them. The clusters' path is not below
/// <c>/authorized-keys/</c>: there every word may be somebody's username.
/// </summary>
internal static class CertificateAuthoritiesApi
{
    private const string Path = "/api/v1/organization/ssh-certificate-authorities";

    public static void MapCertificateAuthoritiesApi(this IEndpointRouteBuilder endpoints)
    {
        var group = endpoints.MapGroup(Path).WithTags("SSH certificates");
        group.MapGet("", List).RequireScope(Scopes.OrganizationRead).Produces<PageOf<CertificateAuthorityBody>>().WithSummary("The authorities that sign the organization's SSH certificates, newest first");
        group.MapPost("/rotate", Rotate).RequireInteractive(Scopes.OrganizationWrite).Produces<CertificateAuthorityBody>()
            .WithSummary("Make a new authority, told to clusters now and signing in an hour; the one before is trusted until its last certificate has ended");
        endpoints.MapGet("/api/v1/ssh-certificate-authorities", Trusted).RequireScope(Scopes.AuthorizedKeysRead).WithTags("SSH certificates")
            .Produces<string>(200, "text/plain").WithSummary("For a cluster: the file for sshd's TrustedUserCAKeys");
    }

    private static async Task<IResult> List(Caller caller, CertificateAuthorityRegistry registry, CancellationToken cancellationToken) =>
        Results.Ok(new PageOf<CertificateAuthorityBody>([.. (await registry.TrustedAsync(caller.OrganizationId, cancellationToken)).Select(CertificateAuthorityBody.From)], null));

    private static async Task<IResult> Rotate(Caller caller, CertificateAuthorityRegistry registry, CancellationToken cancellationToken) =>
        (await registry.RotateAsync(caller.ToActor(), cancellationToken)).TryGet(out var added, out var problem) ? Results.Ok(CertificateAuthorityBody.From(added)) : problem.ToResult();

    private static async Task<IResult> Trusted(Caller caller, CertificateAuthorityRegistry registry, ActivateDbContext database, CancellationToken cancellationToken)
    {
        if (await database.Clusters.Where(c => c.ServiceAccountId == caller.UserId).Select(c => (Guid?)c.Id).SingleOrDefaultAsync(cancellationToken) is not { } cluster)
            return AuthorizedKeysApi.ClustersOnly.ToResult();
        var authorities = await registry.TrustedAsync(caller.OrganizationId, cancellationToken);
        return Results.Text(new TrustedAuthorities(cluster, [.. authorities.Select(authority => authority.Row.PublicKey)]).Write(), "text/plain");
    }
}

/// <param name="PublicKey">As it stands in the file for <c>TrustedUserCAKeys</c>.</param>
/// <param name="Fingerprint">As <c>ssh-keygen -l</c> and sshd's log show it.</param>
/// <param name="CreatedAt">When it was made, and told to clusters.</param>
/// <param name="SignsFrom">From when it signs.</param>
/// <param name="RetiresAt">When its last certificate has ended, and clusters are told of it no more; null while none follows it.</param>
/// <param name="State"><c>upcoming</c>, <c>current</c> or <c>retiring</c>.</param>
internal sealed record CertificateAuthorityBody(Guid Id, int Generation, string PublicKey, string Fingerprint, DateTime CreatedAt, DateTime SignsFrom, DateTime? RetiresAt, string State)
{
    public static CertificateAuthorityBody From(CertificateAuthority authority)
    {
        var row = authority.Row;
        return new CertificateAuthorityBody(row.Id, row.Generation, row.PublicKey, FingerprintOf(row.PublicKey), row.CreatedAt,
            // The first one counts since ever, and is not older than itself.
            row.SignsFrom < row.CreatedAt ? row.CreatedAt : row.SignsFrom, authority.RetiresAt, authority.State.Word());
    }

    internal static string FingerprintOf(string publicKey) => SshPublicKey.Parse(publicKey).TryGet(out var key, out _) ? key.Fingerprint : "";
}
