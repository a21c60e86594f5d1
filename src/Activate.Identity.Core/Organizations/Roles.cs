using Activate.Identity.Core.Errors;

namespace Activate.Identity.Core.Organizations;

/// <summary>Roles as they are written in requests, answers and files.</summary>
public static class Roles
{
    public static readonly IReadOnlyList<Role> All = Enum.GetValues<Role>();

    public static string Word(this Role role) => role.ToString().ToLowerInvariant();

    /// <summary>Exactly one of the words: a number or another case would be guessed at, and a role is not to be guessed.</summary>
    public static Result<Role> Parse(string? word, string field = "role")
    {
        foreach (var role in All)
        {
            if (role.Word() == word)
                return role;
        }

        return Problems.Invalid(field, "role_invalid", "A role is 'member', 'admin' or 'owner'.");
    }
}
