using Activate.Identity.Core.Organizations;
using Activate.Identity.Server.Accounts;

namespace Activate.Identity.Server.Web;

/// <summary>A place that a menu leads to.</summary>
public sealed record Place(string Path, string Words)
{
    /// <summary>Pages that belong to it under another path.</summary>
    public string? Also { get; init; }

    /// <summary>For <c>aria-current</c>: "page" on the page itself and on those below it.</summary>
    public string? Current(HttpContext context) => IsAt(context, Path) || (Also is not null && IsAt(context, Also)) ? "page" : null;

    private static bool IsAt(HttpContext context, string path) => context.Request.Path.StartsWithSegments(path, StringComparison.Ordinal);
}

/// <summary>Where one can go: the menu under a person's name, and the tabs of the organization's pages.</summary>
public static class Navigation
{
    private static readonly Place[] s_own = [new("/account", "Account"), new("/device", "Connect a device")];
    private static readonly Place[] s_server = [new("/operator/organizations", "Organizations")];

    /// <summary>In groups, each with what it is about.</summary>
    public static IEnumerable<(string Heading, IEnumerable<Place> Places)> Menu(SignedIn person)
    {
        yield return (person.DisplayName ?? person.Username, s_own);
        yield return (person.OrganizationName, OfOrganization(person));
        if (person.IsOperator)
            yield return ("This server", s_server);
    }

    /// <summary>What everybody of an organization may look at, and what its administrators look after.</summary>
    public static IEnumerable<Place> OfOrganization(SignedIn person)
    {
        var administers = person.Role >= Role.Admin;
        if (administers)
        {
            yield return new("/organization/members", "Members");
            yield return new("/organization/service-accounts", "Service accounts");
            yield return new("/organization/credentials", "Credentials");
            yield return new("/organization/consents", "Consents");
        }

        if (administers || person.IsOperator)
            yield return new("/organization/applications", "Applications");
        yield return new("/organization/clusters", "Clusters") { Also = "/organization/ssh-certificates" };
        if (administers)
            yield return new("/organization/sign-in", "Sign-in");
        yield return new("/organization/policy", "Policy");
        if (administers)
            yield return new("/organization/audit", "Audit log");
    }
}
