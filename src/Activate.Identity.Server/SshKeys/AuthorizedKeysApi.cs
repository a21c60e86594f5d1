using System.Net;
using System.Text;
using Activate.Identity.Core;
using Activate.Identity.Core.Errors;
using Activate.Identity.Core.SshKeys;
using Activate.Identity.Data;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.SshKeys;

/// <summary>
/// What a cluster's sshd asks and tells: <c>/api/v1/authorized-keys/{username}</c>. The cluster's service account sees the users of its own organization, and nobody else. A look-up
/// says nothing about use: sshd asks for whoever knocks, before anybody has proven anything.
/// </summary>
internal static class AuthorizedKeysApi
{
    internal static readonly Problem ClustersOnly = new(ProblemKind.Refused, "clusters_only", "Only the service account of a cluster may look up SSH keys. Register the cluster and use its key.");

    private static readonly Problem s_addressInvalid = Problems.Invalid("address", "address_invalid", "'address' is the IP address from which somebody logged in. Leave it out where it is not known.");

    public static void MapAuthorizedKeysApi(this IEndpointRouteBuilder endpoints)
    {
        var group = endpoints.MapGroup("/api/v1/authorized-keys").WithTags("SSH keys");
        group.MapGet("/{username}", Lookup).RequireScope(Scopes.AuthorizedKeysRead)
            .Produces<AuthorizedKeysBody>().WithSummary("The keys with which a user may log in now; as text/plain, lines for sshd");
        group.MapPost("/{username}/logins", Report).RequireScope(Scopes.AuthorizedKeysRead)
            .Produces(204).WithSummary("A cluster tells that somebody got in, and with which key: its last use");
    }

    private static async Task<IResult> Lookup(
        string username, Caller caller, AuthorizedKeysReader reader, HttpContext context, string? fingerprint, [FromQuery(Name = "expiry-time")] string? expiryTime,
        CancellationToken cancellationToken)
    {
        if (caller.UserKind != UserKind.ServiceAccount)
            return ClustersOnly.ToResult();
        byte[]? wanted = null;
        if (fingerprint is not null)
        {
            if (!SshFingerprint.TryParse(fingerprint, out var parsed))
                return SshKeyRegistry.FingerprintInvalid.ToResult();
            wanted = parsed;
        }

        if (expiryTime is not (null or "true" or "false"))
            return Problems.Invalid("expiry-time", "flag_invalid", "'expiry-time' is true or false.").ToResult();

        var keys = await reader.LiveAsync(caller.OrganizationId, caller.UserId, username, cancellationToken);
        if (wanted is not null)
            keys = [.. keys.Where(key => key.Fingerprint.AsSpan().SequenceEqual(wanted))];
        if (!WantsText(context.Request))
            return Results.Ok(new AuthorizedKeysBody(username, [.. keys.Select(key => new AuthorizedKeyBody(key.PublicKey, SshFingerprint.Of(key.Fingerprint), key.ExpiresAt))]));
        var lines = new StringBuilder();
        foreach (var key in keys)
            lines.Append(AuthorizedKeysLine.Write(key.PublicKey, expiryTime == "true" ? key.ExpiresAt : null)).Append('\n');
        return Results.Text(lines.ToString(), "text/plain", Encoding.UTF8);
    }

    /// <summary>The same answer whoever it was: a cluster learns here of nobody.</summary>
    private static async Task<IResult> Report(
        string username, LoginBody body, Caller caller, ActivateDbContext database, AuthorizedKeysReader reader, LastUses uses, CancellationToken cancellationToken)
    {
        if (!SshFingerprint.TryParse(body.Fingerprint, out var fingerprint))
            return SshKeyRegistry.FingerprintInvalid.ToResult();
        if (body.Address is not null && !IPAddress.TryParse(body.Address, out _))
            return s_addressInvalid.ToResult();
        if (await database.Clusters.AsNoTracking().Where(c => c.ServiceAccountId == caller.UserId).Select(c => new { c.Id, c.Name }).SingleOrDefaultAsync(cancellationToken) is not { } cluster)
            return ClustersOnly.ToResult();
        uses.RecordReport(cluster.Id);
        var keys = await reader.LiveAsync(caller.OrganizationId, caller.UserId, username, cancellationToken);
        if (keys.FirstOrDefault(key => key.Fingerprint.AsSpan().SequenceEqual(fingerprint)) is { } used)
            uses.RecordLogin(used.Id, body.Address, cluster.Name);
        return Results.NoContent();
    }

    /// <summary>RFC 9110 §12.5.1: text where it is liked better than JSON.</summary>
    private static bool WantsText(HttpRequest request)
    {
        var accept = request.GetTypedHeaders().Accept;
        return Quality("text/plain") > Quality("application/json");

        double Quality(string type) => accept.Where(range => range.MediaType.Equals(type, StringComparison.OrdinalIgnoreCase)).Select(range => range.Quality ?? 1).DefaultIfEmpty(0).Max();
    }
}

/// <summary>Empty for an unknown user as for one without keys.</summary>
internal sealed record AuthorizedKeysBody(string Username, IReadOnlyList<AuthorizedKeyBody> Keys);

/// <param name="Fingerprint">Of the key that let somebody in.</param>
/// <param name="Address">From which IP address; absent: not known.</param>
internal sealed record LoginBody(string Fingerprint, string? Address = null);

internal sealed record AuthorizedKeyBody(string PublicKey, string Fingerprint, DateTime? ExpiresAt);
