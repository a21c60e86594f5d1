using System.Text;
using Activate.Identity.Core.Errors;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Web;

namespace Activate.Identity.Server.Credentials;

/// <summary>What an endpoint of <c>/api</c> asks of its caller. Attached by <see cref="ApiGateExtensions.RequireScope"/> and its kin.</summary>
internal sealed class ApiRequirement
{
    public string? Scope { get; init; }
    /// <summary>The caller may name a scope in the query: for proxies that ask whether to let somebody through.</summary>
    public bool ScopeOfQuery { get; init; }
    /// <summary>No key makes a key: a person who signed in.</summary>
    public bool Interactive { get; init; }
    /// <summary>An API key may do this to itself: the route's <c>id</c> is its own.</summary>
    public bool OrItself { get; init; }
}

/// <summary>
/// Lets a request through to an API endpoint only with exactly one credential in the Authorization header that counts now, was meant for our API and
/// allows what the endpoint asks for. Cookies and query strings never count.
/// </summary>
internal sealed class ApiGate(RequestDelegate next, CredentialAuthenticator authenticator, LastUses lastUses, AuditRefusals refusals, PublicOrigin origin)
{
    public Task InvokeAsync(HttpContext context) =>
        context.GetEndpoint() is { } endpoint && endpoint.Metadata.GetMetadata<ApiRequirement>() is { } requirement ? CheckAsync(context, endpoint, requirement) : next(context);

    private async Task CheckAsync(HttpContext context, Endpoint endpoint, ApiRequirement requirement)
    {
        if (!ReadCredential(context.Request).TryGet(out var text, out var problem))
        {
            await ProblemResponses.WriteAsync(context, problem);
            return;
        }

        var known = await authenticator.AuthenticateAsync(text, context.RequestAborted);
        if (known is null || !known.Caller.Audiences.Contains(origin.ApiAudience))
        {
            await ProblemResponses.WriteAsync(context, Problems.InvalidCredential);
            return;
        }

        var caller = known.Caller;
        // Before it counts as used: what its owner would see is that of somebody else.
        if (!caller.MayCallFrom(context.Connection.RemoteIpAddress))
        {
            await ProblemResponses.WriteAsync(context, Problems.AddressNotAllowed);
            await refusals.RecordAsync(context, caller, Problems.AddressNotAllowed);
            return;
        }

        lastUses.Record(caller, context.RemoteAddress());
        context.Features.Set(caller);
        context.Response.Headers.CacheControl = "no-store";
        if (known.ExpiresHeader is { } end)
            context.Response.Headers["Activate-Credential-Expires"] = end;
        if (Refusal(context, requirement, caller) is { } refusal)
            await ProblemResponses.WriteAsync(context, refusal);
        else
            // Straight to the endpoint: what follows in the pipeline (cookies, OpenIddict, authorization) is for pages and /connect.
            await endpoint.RequestDelegate!(context);
        if (context.Features.Get<Problem>() is { Kind: ProblemKind.Refused } refused)
            await refusals.RecordAsync(context, caller, refused);
    }

    private static Problem? Refusal(HttpContext context, ApiRequirement requirement, Caller caller)
    {
        if (caller.IsApplication)
            return Problems.UserRequired;
        if (requirement.OrItself && caller is { Kind: Core.Credentials.CredentialKind.ApiKey, Exchanged: false }
            && context.GetRouteValue("id") is string id && Guid.TryParse(id, out var own) && own == caller.CredentialId)
            return null;
        if (requirement.Interactive && !caller.Interactive)
            return Problems.InteractiveSignInRequired;
        var scope = requirement.Scope;
        // One that is misspelt, empty or said twice lets nobody through, and shows as a fault of the proxy's settings.
        if (requirement.ScopeOfQuery && context.Request.QueryString.HasValue && context.Request.Query.TryGetValue("scope", out var asked)
            && !Core.Scopes.All.Contains(scope = asked.ToString()))
            return Problems.Invalid("scope", "scope_invalid", "There is no such scope, or it is more than one.");
        return scope is not null && !caller.Has(scope) ? Problems.InsufficientScope(scope) : null;
    }

    private static Result<string> ReadCredential(HttpRequest request)
    {
        var headers = request.Headers.Authorization;
        if (headers.Count > 1 || (headers.Count == 1 && request.QueryString.HasValue && request.Query.ContainsKey("access_token")))
            return Problems.TwoCredentials;
        if (headers.Count == 0 || headers[0] is not { Length: > 0 } header)
            return Problems.CredentialRequired;
        var space = header.IndexOf(' ', StringComparison.Ordinal);
        if (space < 0)
            return Problems.CredentialRequired;
        var value = header.AsSpan(space + 1).Trim(' ');
        if (value.ContainsAny(' ', ','))
            return Problems.TwoCredentials;
        if (header.AsSpan(0, space).Equals("Bearer", StringComparison.OrdinalIgnoreCase))
            return value.IsEmpty ? Problems.CredentialRequired : value.ToString();
        if (header.AsSpan(0, space).Equals("Basic", StringComparison.OrdinalIgnoreCase))
            return BasicUsername(value) is { } key ? key : Problems.InvalidCredential;
        return Problems.CredentialRequired;
    }

    /// <summary>The API key in RFC 7617 user-id, with an empty password. A password is refused: it would be a second credential.</summary>
    private static string? BasicUsername(ReadOnlySpan<char> value)
    {
        Span<byte> bytes = stackalloc byte[1024];
        if (value.Length > 1024 || !Convert.TryFromBase64Chars(value, bytes, out var length))
            return null;
        var text = Encoding.UTF8.GetString(bytes[..length]);
        return text.EndsWith(':') && Core.ApiKeys.ApiKeySecret.LooksLikeKey(text) ? text[..^1] : null;
    }
}

public static class ApiGateExtensions
{
    /// <summary>Any credential that counts.</summary>
    public static TBuilder RequireCredential<TBuilder>(this TBuilder builder) where TBuilder : IEndpointConventionBuilder =>
        builder.WithMetadata(new ApiRequirement());

    /// <summary>Any credential that counts and, when the query names a scope, holds it.</summary>
    public static TBuilder RequireScopeOfQuery<TBuilder>(this TBuilder builder) where TBuilder : IEndpointConventionBuilder =>
        builder.WithMetadata(new ApiRequirement { ScopeOfQuery = true });

    /// <summary>A credential that holds the scope.</summary>
    public static TBuilder RequireScope<TBuilder>(this TBuilder builder, string scope, bool orItself = false) where TBuilder : IEndpointConventionBuilder =>
        builder.WithMetadata(new ApiRequirement { Scope = scope, OrItself = orItself });

    /// <summary>A person who signed in, with the scope: for everything whose answer holds a secret.</summary>
    public static TBuilder RequireInteractive<TBuilder>(this TBuilder builder, string scope, bool orItself = false) where TBuilder : IEndpointConventionBuilder =>
        builder.WithMetadata(new ApiRequirement { Scope = scope, Interactive = true, OrItself = orItself });
}
