using System.Globalization;
using System.Text.Json.Serialization;
using Activate.Identity.Core;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.SshKeys;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Web;
using Row = Activate.Identity.Data.SshCertificates.SshCertificate;

namespace Activate.Identity.Server.SshCertificates;

/// <summary>REST of SSH certificates: <c>/api/v1/ssh-certificates</c>.</summary>
internal static class SshCertificatesApi
{
    private const string Path = "/api/v1/ssh-certificates";

    public static void MapSshCertificatesApi(this IEndpointRouteBuilder endpoints)
    {
        var group = endpoints.MapGroup(Path).WithTags("SSH certificates");
        group.MapGet("", List).RequireScope(Scopes.CredentialsRead).Produces<PageOf<SshCertificateBody>>().WithSummary("The caller's living SSH certificates, newest first");
        // The scope is that of using the platform as oneself; that it is a person's own sign-in is for the issuer to see.
        group.MapPost("", Issue).RequireScope(Scopes.Platform).Produces<SshCertificateBody>(201)
            .WithSummary("Certify a public key for the caller's account on one cluster, until the session ends at the latest; for sign-ins on the command line only");
        group.MapDelete("/{id:guid}", End).RequireScope(Scopes.CredentialsWrite).Produces(204).WithSummary("End a certificate: clusters that can ask let it in no more");
    }

    private static async Task<IResult> List(Caller caller, SshCertificateIssuer issuer, TimeProvider clock, string? limit, string? after, CancellationToken cancellationToken)
    {
        if (!PageQuery.Parse(limit, after).TryGet(out var page, out var problem))
            return problem.ToResult();
        var now = clock.Now();
        return Results.Ok(page.Page(await issuer.ListAsync(caller.UserId, page, cancellationToken), row => row.Id, row => SshCertificateBody.From(row, now)));
    }

    private static async Task<IResult> Issue(IssueCertificateBody body, Caller caller, SshCertificateIssuer issuer, TimeProvider clock, CancellationToken cancellationToken) =>
        (await issuer.IssueAsync(caller, body.PublicKey, body.Cluster, body.ExpiresInHours, cancellationToken)).TryGet(out var issued, out var problem)
            ? Results.Created($"{Path}/{issued.Row.Id}", SshCertificateBody.From(issued.Row, clock.Now()) with
            {
                Certificate = issued.Text,
                KeyId = issued.Content.KeyId,
                Principals = issued.Content.Principals,
                ClusterName = issued.Cluster.Name,
                ClusterAddress = issued.Cluster.Address,
            })
            : problem.ToResult();

    private static async Task<IResult> End(Guid id, Caller caller, SshCertificateIssuer issuer, CancellationToken cancellationToken) =>
        await issuer.EndAsync(caller.ToActor(), id, cancellationToken) is { } problem ? problem.ToResult() : Results.NoContent();
}

/// <param name="PublicKey">The line of a <c>.pub</c> file.</param>
/// <param name="Cluster">Its id, name or address.</param>
internal sealed record IssueCertificateBody(string PublicKey, string Cluster)
{
    /// <summary>Whole hours, 1 to 24; absent: the default of the policy of tokens.</summary>
    public Optional<int?> ExpiresInHours { get; init; }
}

/// <param name="Serial">As text: it has 63 bits, of which JavaScript's numbers keep 53.</param>
/// <param name="Account">The Unix account that it opens.</param>
/// <param name="Fingerprint">Of the certified key.</param>
/// <param name="SessionId">The session it ends with.</param>
internal sealed record SshCertificateBody(
    Guid Id, string Serial, Guid ClusterId, string Account, string Fingerprint, Guid SessionId, DateTime CreatedAt, DateTime ExpiresAt, string ExpiresBecause, string State)
{
    /// <summary>The line for a <c>-cert.pub</c> file: in the answer that issued it. It is no secret, but nobody else needs it.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Certificate { get; init; }

    /// <summary>What sshd writes into its log: the username and the session.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? KeyId { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<string>? Principals { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? ClusterName { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? ClusterAddress { get; init; }

    public static SshCertificateBody From(Row row, DateTime now) => new(
        row.Id, row.Serial.ToString(CultureInfo.InvariantCulture), row.ClusterId, row.Account, SshFingerprint.Of(row.Fingerprint), row.GrantId, row.CreatedAt, row.ExpiresAt, row.ExpiresBecause.Word(),
        CredentialNames.State(row.CreatedAt, row.ExpiresAt, now));
}
