using System.Buffers;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http;

namespace Activate.Identity.AspNetCore.Scopes;

/// <summary>The principal has the scope.</summary>
internal sealed class ScopeRequirement : IAuthorizationRequirement
{
    // RFC 6749 §3.3: the printable ASCII characters without space, quote and backslash, so that it can stand in a header.
    private static readonly SearchValues<char> s_characters = SearchValues.Create(string.Concat(Enumerable.Range(0x21, 0x5E).Select(c => (char)c).Where(c => c is not ('"' or '\\'))));

    public ScopeRequirement(string scope)
    {
        ArgumentException.ThrowIfNullOrEmpty(scope);
        if (scope.AsSpan().ContainsAnyExcept(s_characters))
            throw new ArgumentException("One scope has no spaces, quotes or characters beyond ASCII (RFC 6749 §3.3).", nameof(scope));
        Scope = scope;
    }

    public string Scope { get; }

    public override string ToString() => $"The credential has the scope {Scope}.";
}

/// <summary>The scopes that a request would have needed, for the answer: RFC 6750 §3 names them to a client that lacks one.</summary>
internal sealed class RequiredScopes
{
    private readonly SortedSet<string> _scopes = new(StringComparer.Ordinal);

    /// <summary>Notes a scope that is lacking; a request that is let through notes nothing.</summary>
    public static void Note(HttpContext context, string scope)
    {
        if (context.Features.Get<RequiredScopes>() is not { } required)
            context.Features.Set(required = new RequiredScopes());
        required._scopes.Add(scope);
    }

    /// <summary>Space-separated: what is lacking, and what else the endpoint asks for. Empty when the refusal is not about scopes.</summary>
    public static string Of(HttpContext context)
    {
        if (context.Features.Get<RequiredScopes>() is not { } required)
            return "";
        required._scopes.UnionWith(context.GetEndpoint()?.Metadata.GetOrderedMetadata<RequireScopeAttribute>().Select(attribute => attribute.Scope) ?? []);
        return string.Join(' ', required._scopes);
    }
}

/// <summary>Checks <see cref="ScopeRequirement"/>.</summary>
internal sealed class ScopeCheck : AuthorizationHandler<ScopeRequirement>
{
    protected override Task HandleRequirementAsync(AuthorizationHandlerContext context, ScopeRequirement requirement)
    {
        foreach (var identity in context.User.Identities)
        {
            // Only what our server said counts: another scheme's identity may have a claim of that name.
            if (identity.AuthenticationType == ActivateIdentityDefaults.AuthenticationScheme && identity.HasClaim(ActivateIdentityClaims.Scope, requirement.Scope))
            {
                context.Succeed(requirement);
                return Task.CompletedTask;
            }
        }

        if (context.Resource is HttpContext http)
            RequiredScopes.Note(http, requirement.Scope);
        return Task.CompletedTask;
    }
}
