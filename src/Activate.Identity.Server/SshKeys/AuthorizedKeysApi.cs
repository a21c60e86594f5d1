using System.Text;
using Activate.Identity.Core;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Errors;
using Activate.Identity.Core.SshKeys;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Mvc;

namespace Activate.Identity.Server.SshKeys;

/// <summary>What a cluster's sshd asks: <c>/api/v1/authorized-keys/{username}</c>. The cluster's service account sees the users of its own organization, and nobody else.</summary>
internal static class AuthorizedKeysApi
{
    internal static readonly Problem ClustersOnly = new(ProblemKind.Refused, "clusters_only", "Only the service account of a cluster may look up SSH keys. Register the cluster and use its key.");

    public static void MapAuthorizedKeysApi(this IEndpointRouteBuilder endpoints) =>
        endpoints.MapGet("/api/v1/authorized-keys/{username}", Lookup).RequireScope(Scopes.AuthorizedKeysRead).WithTags("SSH keys")
            .Produces<AuthorizedKeysBody>().WithSummary("The keys with which a user may log in now; as text/plain, lines for sshd");

    private static async Task<IResult> Lookup(
        string username, Caller caller, AuthorizedKeysReader reader, LastUses uses, HttpContext context, string? fingerprint, [FromQuery(Name = "expiry-time")] string? expiryTime,
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
        // Without a fingerprint sshd does not say which of them somebody holds: each of them may be in use.
        var address = context.RemoteAddress();
        foreach (var key in keys)
            uses.Record(CredentialKind.SshKey, key.Id, address);
        if (!WantsText(context.Request))
            return Results.Ok(new AuthorizedKeysBody(username, [.. keys.Select(key => new AuthorizedKeyBody(key.PublicKey, SshFingerprint.Of(key.Fingerprint), key.ExpiresAt))]));
        var lines = new StringBuilder();
        foreach (var key in keys)
            lines.Append(AuthorizedKeysLine.Write(key.PublicKey, expiryTime == "true" ? key.ExpiresAt : null)).Append('\n');
        return Results.Text(lines.ToString(), "text/plain", Encoding.UTF8);
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

internal sealed record AuthorizedKeyBody(string PublicKey, string Fingerprint, DateTime? ExpiresAt);
