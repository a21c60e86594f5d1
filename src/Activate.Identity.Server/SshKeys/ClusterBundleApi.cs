using System.Buffers;
using System.Globalization;
using Activate.Identity.Core;
using Activate.Identity.Core.Clusters;
using Activate.Identity.Core.Errors;
using Activate.Identity.Data;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Keys;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using Microsoft.Net.Http.Headers;

namespace Activate.Identity.Server.SshKeys;

/// <summary>All who may log in to the calling cluster, for the time when we cannot be reached: <c>GET /api/v1/authorized-keys</c>.</summary>
internal static class ClusterBundleApi
{
    private const int Chunk = 128 * 1024;

    private static readonly JsonWebTokenHandler s_handler = new() { SetDefaultTimesOnTokenCreation = false };

    private static readonly Problem s_off = new(ProblemKind.Refused, "copies_off",
        "Your organization's policy, or this server's, lets clusters keep no copy for outages (clusters.outageMinutes is 0). While this server cannot be reached nobody logs in through it.");

    private static readonly Problem s_busy = new(ProblemKind.Unavailable, "bundle_changing", "Who may log in is being changed at this very moment. Ask again.") { RetryAfter = TimeSpan.FromSeconds(5) };

    public static void MapClusterBundleApi(this IEndpointRouteBuilder endpoints) =>
        endpoints.MapGet("/api/v1/authorized-keys", Read).RequireScope(Scopes.AuthorizedKeysRead).WithTags("SSH keys").Produces(200, contentType: BundleLine.MediaType).Produces(304)
            .WithSummary("All who may log in to the calling cluster, a line each, with a signed statement about it in a header");

    private static async Task<IResult> Read(
        Caller caller, ActivateDbContext database, PolicyReader policies, ClusterBundles bundles, SigningKeys keys, PublicOrigin origin, TimeProvider clock, HttpContext context,
        CancellationToken cancellationToken)
    {
        if (await database.Clusters.Where(c => c.ServiceAccountId == caller.UserId).Select(c => new { c.Id, c.Organization!.Slug }).SingleOrDefaultAsync(cancellationToken) is not { } cluster)
            return AuthorizedKeysApi.ClustersOnly.ToResult();
        var age = (await policies.ReadAsync(caller.OrganizationId, cancellationToken)).Effective.Clusters.MaximumAge;
        if (age <= TimeSpan.Zero)
            return s_off.ToResult();
        // Before the look at the rows: what the statement says of them was true then.
        var now = clock.Now();
        if (await bundles.ReadAsync(caller.OrganizationId, cluster.Id, cancellationToken) is not { } bundle)
            return s_busy.ToResult();

        var statement = new BundleStatement(origin.Issuer, cluster.Id.ToString(), cluster.Slug, now, bundle.Serial, bundle.Hash, age);
        var tag = new EntityTagHeaderValue(string.Create(CultureInfo.InvariantCulture, $"\"{bundle.Serial}\""));
        context.Response.Headers[BundleStatement.Header] = s_handler.CreateToken(new SecurityTokenDescriptor
        {
            TokenType = BundleStatement.Type, SigningCredentials = keys.Current(BundleStatement.Algorithm, now).Credentials, Claims = statement.ToClaims(),
        });
        context.Response.Headers.ETag = tag.ToString();
        // RFC 9110 §13.1.2: weakly, as a proxy that compresses makes the tag weak. What counts is the hash in the statement.
        return context.Request.GetTypedHeaders().IfNoneMatch.Any(seen => seen.Compare(tag, useStrongComparison: false))
            ? Results.StatusCode(StatusCodes.Status304NotModified)
            : new BundleAnswer(bundle);
    }

    private sealed class BundleAnswer(ClusterBundle bundle) : IResult
    {
        public async Task ExecuteAsync(HttpContext httpContext)
        {
            var response = httpContext.Response;
            (response.ContentType, response.ContentLength) = (BundleLine.MediaType, bundle.Length);
            var buffer = ArrayPool<byte>.Shared.Rent(Chunk);
            for (var at = 0L; at < bundle.Length;)
            {
                var read = await RandomAccess.ReadAsync(bundle.Content.SafeFileHandle, buffer, at, httpContext.RequestAborted);
                await response.Body.WriteAsync(buffer.AsMemory(0, read), httpContext.RequestAborted);
                at += read > 0 ? read : throw new InvalidOperationException("The bundle is shorter than when it was made.");
            }

            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
