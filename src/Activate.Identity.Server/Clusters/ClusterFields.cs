using Activate.Identity.Core.Clusters;
using Activate.Identity.Core.Errors;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Server.Web;

namespace Activate.Identity.Server.Clusters;

/// <summary>What the forms of a new cluster and of one that is there have in common (Clusters/ClusterFields.cshtml).</summary>
/// <param name="Roles">Words of the roles that are ticked.</param>
/// <param name="Usernames">Usernames with spaces, commas or lines between them.</param>
public sealed record ClusterFields(string? Name, string? Address, string? Mode, IReadOnlyList<string> Roles, string? Usernames, bool IsNew)
{
    public static ClusterFields New { get; } = new(null, null, ClusterAccess.Everyone.Word, [], null, IsNew: true);

    public static ClusterFields Of(ShownCluster shown) => new(shown.Cluster.Name, shown.Cluster.Address, ClusterAccess.WordOf(shown.Cluster.AccessMode),
        [.. ClusterAccess.RolesIn(shown.Cluster.AllowedRoles).Select(role => role.Word())], string.Join('\n', shown.Usernames), IsNew: false);

    public static ClusterFields Sent(IFormCollection form, bool isNew) => new(form["Name"], form["Address"], form["Mode"], [.. form["Roles"].OfType<string>()], form["Usernames"], isNew);

    /// <summary>Both lists are on the page whatever is chosen, as it works without JavaScript: only the chosen one counts.</summary>
    public Result<ClusterAccess> ToAccess() => ClusterAccess.Parse(Mode, Mode == "roles" ? Roles : null, Mode == "users" ? Texts.Entries(Usernames) : null);

    /// <summary>The form's name of the field that a problem is about.</summary>
    public static string? FieldOf(Problem problem) => problem.Field switch
    {
        "access.mode" => "Mode",
        "access.roles" => "Roles",
        "access.usernames" => "Usernames",
        _ => null,
    };
}
