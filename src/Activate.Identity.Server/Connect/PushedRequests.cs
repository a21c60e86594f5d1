using System.Buffers.Text;
using System.Linq.Expressions;
using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using Activate.Identity.Core.Errors;
using Activate.Identity.Data;
using Activate.Identity.Data.Applications;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;
using static OpenIddict.Server.OpenIddictServerHandlers;

namespace Activate.Identity.Server.Connect;

/// <summary>
/// Pushed authorization requests (RFC 9126). A <c>request_uri</c> lives ten minutes: the browser opens it at once, and the person signs in and decides. It stays until then,
/// and the one answer to it takes it, by one conditional DELETE.
/// </summary>
internal sealed class PushedRequests(ActivateDbContext database, RateLimits limits, TimeProvider clock)
{
    /// <summary>How long a client may take to send the browser (RFC 9126 §2.2: short), and the person to sign in and decide.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(10);

    /// <summary>What stands before the reference (RFC 9126 §2.2).</summary>
    public const string UriPrefix = "urn:ietf:params:oauth:request_uri:";

    /// <summary>Requests of one client, and of all, that wait at a time: a public client pushes without proving anything.</summary>
    private const int WaitingOfClient = 2_000, WaitingInAll = 20_000;

    private static readonly Problem s_tooMany = new(ProblemKind.TooMany, "too_many_pushed_requests", "Too many pushed requests wait to be opened. Try again in a minute.") { RetryAfter = TimeSpan.FromMinutes(1) };

    /// <summary>Stores a request that was checked.</summary>
    /// <returns>The reference.</returns>
    public async Task<Result<string>> AddAsync(string clientId, string parameters, CancellationToken cancellationToken)
    {
        var reference = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
        var now = clock.Now();
        if (limits.Enabled && (await WaitingAsync(request => request.ClientId == clientId && request.ExpiresAt > now, WaitingOfClient, cancellationToken)
            || await WaitingAsync(request => request.ExpiresAt > now, WaitingInAll, cancellationToken)))
            return s_tooMany;
        database.PushedRequests.Add(new PushedRequest
        {
            Id = Guid.CreateVersion7(now),
            Hash = Hash(reference),
            ClientId = clientId,
            Parameters = parameters,
            ExpiresAt = now + Lifetime,
        });
        await database.SaveChangesAsync(cancellationToken);
        return reference;
    }

    /// <summary>The request of a reference, while nothing has answered it.</summary>
    public async Task<PushedRequest?> FindAsync(string reference, CancellationToken cancellationToken)
    {
        var (hash, now) = (Hash(reference), clock.GetUtcNow().UtcDateTime);
        return await database.PushedRequests.AsNoTracking().SingleOrDefaultAsync(request => request.Hash == hash && request.ExpiresAt > now, cancellationToken);
    }

    /// <summary>Takes the request of a <c>request_uri</c> for its one answer; false when it was answered before. A request that was not pushed has nothing to take.</summary>
    public async Task<bool> TakeAsync(string? requestUri, CancellationToken cancellationToken)
    {
        if (string.IsNullOrEmpty(requestUri))
            return true;
        var hash = Hash(requestUri[UriPrefix.Length..]);
        return await database.PushedRequests.Where(request => request.Hash == hash).ExecuteDeleteAsync(cancellationToken) == 1;
    }

    private async Task<bool> WaitingAsync(Expression<Func<PushedRequest, bool>> which, int most, CancellationToken cancellationToken) =>
        await database.PushedRequests.Where(which).OrderBy(request => request.ExpiresAt).Select(request => request.Id).Take(most).CountAsync(cancellationToken) >= most;

    private static byte[] Hash(string reference) => SHA256.HashData(Encoding.UTF8.GetBytes(reference));
}

/// <summary>Pushed requests at OpenIddict's endpoints.</summary>
internal static class PushedHandlers
{
    /// <summary>The private claims in which OpenIddict keeps a pushed request.</summary>
    private const string Kind = "oi_reqt_typ", RequestParameters = "oi_req_prms", Pushed = "pushed_authorization_request";

    public static readonly OpenIddictServerHandlerDescriptor[] All =
    [
        Handlers.Handle<GenerateTokenContext, Store>(Protection.CreateTokenEntry.Descriptor.Order - 400),
        Handlers.Handle<ValidateTokenContext, Find>(Protection.RemoveDisallowedCharacters.Descriptor.Order + 430),
        Handlers.Handle<ProcessSignInContext, TellTheTruth>(AttachSignInParameters.Descriptor.Order + 610),
    ];

    internal sealed class Store(PushedRequests requests) : IOpenIddictServerHandler<GenerateTokenContext>
    {
        public async ValueTask HandleAsync(GenerateTokenContext context)
        {
            if (context.TokenType != TokenTypeIdentifiers.Private.RequestToken)
                return;
            var http = context.Http();
            if ((await requests.AddAsync(context.ClientId!, context.Principal.GetClaim(RequestParameters)!, http.RequestAborted)).TryGet(out var reference, out var problem))
            {
                context.Token = reference;
                return;
            }

            await OAuthAnswers.RefuseAsync(http, problem);
            context.HandleRequest();
        }
    }

    internal sealed class Find(PushedRequests requests) : IOpenIddictServerHandler<ValidateTokenContext>
    {
        public async ValueTask HandleAsync(ValidateTokenContext context)
        {
            if (context.ValidTokenTypes.Count != 1 || !context.ValidTokenTypes.Contains(TokenTypeIdentifiers.Private.RequestToken) || context.Principal is not null)
                return;
            var http = context.Http();
            if (await requests.FindAsync(context.Token!, http.RequestAborted) is not { } request || request.ClientId != context.Request?.ClientId)
            {
                context.Reject(Errors.InvalidRequestUri, "The request_uri is unknown, expired, was used already, or was made for another client.");
                return;
            }

            http.Features.Set(request);
            context.Principal = new ClaimsPrincipal(new ClaimsIdentity("pushed", Claims.Name, Claims.Role))
                .SetTokenType(TokenTypeIdentifiers.Private.RequestToken)
                .SetClaim(Kind, Pushed)
                .SetClaim(RequestParameters, request.Parameters);
        }
    }

    internal sealed class TellTheTruth : IOpenIddictServerHandler<ProcessSignInContext>
    {
        public ValueTask HandleAsync(ProcessSignInContext context)
        {
            if (context.EndpointType == OpenIddictServerEndpointType.PushedAuthorization)
                context.Response.ExpiresIn = (long)PushedRequests.Lifetime.TotalSeconds;
            return default;
        }
    }
}
