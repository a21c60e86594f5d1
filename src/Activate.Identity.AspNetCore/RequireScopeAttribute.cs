using Activate.Identity.AspNetCore.Scopes;
using Microsoft.AspNetCore.Authorization;

namespace Activate.Identity.AspNetCore;

/// <summary>Lets only credentials with a scope reach a controller or an action: as <c>RequireScope</c> does for endpoints.</summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Method, AllowMultiple = true)]
public sealed class RequireScopeAttribute : AuthorizeAttribute, IAuthorizationRequirementData
{
    private readonly ScopeRequirement _requirement;

    /// <param name="scope">One scope, such as <c>platform</c>. Several attributes require all.</param>
    /// <exception cref="ArgumentException">The scope is empty or has characters that RFC 6749 §3.3 does not allow.</exception>
    public RequireScopeAttribute(string scope)
    {
        _requirement = new ScopeRequirement(scope);
        // Whatever other schemes the application has.
        AuthenticationSchemes = ActivateIdentityDefaults.AuthenticationScheme;
    }

    /// <summary>The scope.</summary>
    public string Scope => _requirement.Scope;

    /// <summary>For ASP.NET Core: what has to be met.</summary>
    /// <returns>The one requirement.</returns>
    public IEnumerable<IAuthorizationRequirement> GetRequirements() => [_requirement];
}
