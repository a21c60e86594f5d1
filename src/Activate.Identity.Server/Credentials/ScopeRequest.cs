using Activate.Identity.Core;
using Activate.Identity.Core.Errors;
using Activate.Identity.Core.Organizations;

namespace Activate.Identity.Server.Credentials;

/// <summary>Whoever asks for a key or a generated token: what the new credential may not exceed.</summary>
/// <param name="Role">The giver's role now; for a service account, the lesser of its own and the giver's.</param>
/// <param name="Limit">The scopes of the credential in use; null for a browser, which may give all that the role allows.</param>
/// <param name="AuthenticatedAt">When the person last signed in.</param>
public sealed record ScopeGiver(Role Role, IReadOnlyList<string>? Limit, DateTime? AuthenticatedAt)
{
    /// <summary>The role of whose credential it is to be.</summary>
    public Role OwnerRole { get; init; } = Role;

    /// <summary>The same person, giving to a service account: neither may it have what it may not have itself, nor does anybody hold by it what they may not have.</summary>
    public ScopeGiver For(Role account) => this with { Role = account < Role ? account : Role, OwnerRole = account };

    public static ScopeGiver From(Caller caller) => new(caller.Role, caller.Scopes, caller.AuthenticatedAt);
}

/// <summary>Which scopes a new key or generated token gets.</summary>
public static class ScopeRequest
{
    /// <summary>How old the sign-in behind a sensitive scope may be.</summary>
    public static readonly TimeSpan RecentSignIn = TimeSpan.FromMinutes(10);

    public static Result<string> Decide(IReadOnlyList<string>? requested, ScopeGiver giver, DateTime now)
    {
        if (requested is null or [])
            return Scopes.Join(Scopes.Default.Where(scope => giver.Limit is null || giver.Limit.Contains(scope)));
        foreach (var scope in requested)
        {
            if (scope is null || !Scopes.ForKeys.Contains(scope))
            {
                return Problems.Invalid("scopes", "scope_invalid", scope is not null && Scopes.All.Contains(scope)
                    ? $"The scope '{scope}' is not for keys and tokens. They may have: {string.Join(", ", Scopes.ForKeys.Order())}."
                    : $"There is no such scope. Keys and tokens may have: {string.Join(", ", Scopes.ForKeys.Order())}.");
            }

            if (giver.Role < Scopes.LeastRole(scope))
                return new Problem(ProblemKind.Refused, "scope_beyond_role", $"The scope '{scope}' needs the role {Scopes.LeastRole(scope).ToString().ToLowerInvariant()}. Ask an administrator of your organization.", "scopes");
            if (giver.Limit is not null && !giver.Limit.Contains(scope))
                return new Problem(ProblemKind.Refused, "scope_beyond_credential", $"The credential in use lacks the scope '{scope}' itself, so it cannot give it. Sign in asking for it, or use the web pages.", "scopes");
            if (Scopes.Sensitive.Contains(scope) && !(giver.AuthenticatedAt > now - RecentSignIn))
                return new Problem(ProblemKind.Refused, "recent_sign_in_required", $"The scope '{scope}' is given only within {RecentSignIn.TotalMinutes:0} minutes after signing in. Sign in again.", "scopes");
        }

        return Scopes.Join(requested.Distinct(StringComparer.Ordinal));
    }
}
