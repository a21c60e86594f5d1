using Activate.Identity.Core.Accounts;
using Activate.Identity.Core.Errors;
using Activate.Identity.Core.Organizations;

namespace Activate.Identity.Core.Clusters;

/// <summary>Who of the organization may log in to a cluster. The words are those of the contract.</summary>
public enum ClusterAccessMode
{
    Everyone = 1,
    Roles = 2,
    Users = 3,
}

/// <summary>Who may log in to a cluster, as an administrator said it and as it was understood.</summary>
/// <param name="Mode">Which of the lists counts; the other one is empty.</param>
/// <param name="Roles">Exactly these: an owner is no member here, so that a list says what it means.</param>
/// <param name="Usernames">Exactly these.</param>
public sealed record ClusterAccess(ClusterAccessMode Mode, IReadOnlyList<Role> Roles, IReadOnlyList<string> Usernames)
{
    public const int MostUsers = 5000;

    public static readonly ClusterAccess Everyone = new(ClusterAccessMode.Everyone, [], []);

    private static readonly Problem s_roles = Problems.Invalid("access.roles", "access_invalid", "Name one role or several: 'member', 'admin' or 'owner'.");

    private static readonly Problem s_noRoles = Problems.Invalid("access.roles", "access_invalid", "Roles count only with the mode 'roles'.");

    private static readonly Problem s_users = Problems.Invalid("access.usernames", "access_invalid", $"Name 1 to {MostUsers} people of your organization, by their usernames.");

    private static readonly Problem s_noUsers = Problems.Invalid("access.usernames", "access_invalid", "Usernames count only with the mode 'users'.");

    public string Word => WordOf(Mode);

    /// <summary>The roles as one number for a column: a bit for each.</summary>
    public int RoleBits => Roles.Aggregate(0, (bits, role) => bits | BitOf(role));

    public static string WordOf(ClusterAccessMode mode) => mode.ToString().ToLowerInvariant();

    public static IReadOnlyList<Role> RolesIn(int bits) => [.. Organizations.Roles.All.Where(role => (bits & BitOf(role)) != 0)];

    /// <summary>Whether somebody may log in. What is not known lets nobody in.</summary>
    public static bool Admits(ClusterAccessMode mode, int roleBits, Role role, bool isListed) => mode switch
    {
        ClusterAccessMode.Everyone => true,
        ClusterAccessMode.Roles => (roleBits & BitOf(role)) != 0,
        ClusterAccessMode.Users => isListed,
        _ => false,
    };

    /// <summary>A list that the mode does not look at is refused: whoever wrote it meant something else.</summary>
    public static Result<ClusterAccess> Parse(string? mode, IReadOnlyList<string?>? roles, IReadOnlyList<string?>? usernames)
    {
        if (Enum.GetValues<ClusterAccessMode>().FirstOrDefault(known => WordOf(known) == mode) is not (>= ClusterAccessMode.Everyone and var parsed))
            return Problems.Invalid("access.mode", "access_invalid", "The mode is 'everyone', 'roles' or 'users'.");
        if (parsed != ClusterAccessMode.Roles && roles is { Count: > 0 })
            return s_noRoles;
        if (parsed != ClusterAccessMode.Users && usernames is { Count: > 0 })
            return s_noUsers;
        if (parsed == ClusterAccessMode.Roles && roles is not { Count: > 0 })
            return s_roles;
        if (parsed == ClusterAccessMode.Users && usernames is not { Count: > 0 and <= MostUsers })
            return s_users;
        var allowed = new SortedSet<Role>();
        foreach (var word in roles ?? [])
        {
            if (!Organizations.Roles.Parse(word).TryGet(out var role, out _))
                return s_roles;
            allowed.Add(role);
        }

        var names = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var name in usernames ?? [])
        {
            if (!Username.Parse(name).TryGet(out var username, out _))
                return s_users;
            names.Add(username);
        }

        return new ClusterAccess(parsed, [.. allowed], [.. names]);
    }

    private static int BitOf(Role role) => 1 << (int)role;
}
