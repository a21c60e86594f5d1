using Activate.Identity.Core;
using Activate.Identity.Core.Organizations;

namespace Activate.Identity.Server.Web;

/// <summary>The scopes of a form (Web/ScopesField.cshtml).</summary>
/// <param name="Offered">What the person's role allows.</param>
/// <param name="Chosen">What is checked.</param>
/// <param name="SignInAgain">Where to sign in afresh when the form was refused for want of it.</param>
public sealed record ScopesField(IReadOnlyList<string> Offered, IReadOnlyList<string> Chosen, string? SignInAgain = null)
{
    /// <param name="role">Of the owner.</param>
    /// <param name="sent">What the form said before; null: the default.</param>
    public static ScopesField Of(Role role, IReadOnlyList<string>? sent) =>
        new([.. Scopes.AllowedTo(role, Scopes.Descriptions.Keys.Where(Scopes.ForKeys.Contains)).OrderBy(scope => s_order.IndexOf(scope))], sent ?? Scopes.Default);

    // A frozen dictionary has no order of its own.
    private static readonly List<string> s_order =
        [Scopes.Platform, Scopes.CredentialsRead, Scopes.CredentialsWrite, Scopes.OrganizationRead, Scopes.OrganizationWrite, Scopes.AuditRead];
}
