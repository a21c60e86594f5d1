using System.Globalization;
using System.Text;
using Activate.Identity.Core.Accounts;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Errors;
using Activate.Identity.Core.Organizations;

namespace Activate.Identity.Core.ServiceAccounts;

/// <summary>
/// What a service account is: an account for programs, of which nobody knows a password. Its keepers, people of the organization, make and end its keys; administrators decide who
/// they are and what the account may. No account is worth more than whoever made it, and none is an owner: owners make owners.
/// </summary>
public static class ServiceAccountRules
{
    public const int LongestDescription = 200;

    /// <summary>What the column holds, in UTF-16 units.</summary>
    public const int LongestStoredDescription = LongestDescription * 2;

    public const int MostKeepers = 20;

    public static readonly Problem AdminRequired = new(ProblemKind.Refused, "insufficient_role",
        "Only administrators of your organization make and delete service accounts, and decide on role, keepers and whether one works. Keepers look after keys and description.");

    public static readonly Problem NeverOwner = Problems.Invalid("role", "role_invalid", "A service account is 'member' or 'admin', and never an owner.");

    public static readonly Problem RoleBeyond = new(ProblemKind.Refused, "role_beyond_own", "A service account gets no role above your own.", "role");

    public static readonly Problem OfCluster = new(ProblemKind.Conflict, "cluster_account",
        "This account belongs to a cluster, and its key with it. Give the cluster a new key, or delete it, where clusters are; nothing of the account is changed here.");

    private static readonly Problem s_keepers = Problems.Invalid("keepers", "keepers_invalid", $"A service account has 1 to {MostKeepers} keepers: usernames of people of your organization.");

    /// <summary>To make an account with a role, or give one a role.</summary>
    public static Problem? GiveRole(Role actor, Role wanted) =>
        actor < Role.Admin ? AdminRequired : wanted >= Role.Owner ? NeverOwner : wanted > actor ? RoleBeyond : null;

    /// <summary>One line that says what the account is for.</summary>
    public static Result<string> ParseDescription(string? description)
    {
        if (string.IsNullOrWhiteSpace(description))
            return Problems.Invalid("description", "description_required", "Say what the account is for.");
        if (description.Length <= LongestStoredDescription && !CredentialName.IsPrintable(description))
            return Problems.Invalid("description", "description_invalid", "A description is one line of printable characters.");
        var text = description.Length > LongestStoredDescription ? description : description.Trim().Normalize(NormalizationForm.FormC);
        return text.Length > LongestStoredDescription || new StringInfo(text).LengthInTextElements > LongestDescription
            ? Problems.Invalid("description", "description_too_long", $"A description has at most {LongestDescription} characters.")
            : text;
    }

    /// <summary>The usernames of the keepers, each once. Whether there are such people is for the database to say.</summary>
    public static Result<IReadOnlyList<string>> ParseKeepers(IReadOnlyList<string?>? keepers)
    {
        if (keepers is not { Count: >= 1 and <= MostKeepers })
            return s_keepers;
        var names = new List<string>();
        foreach (var keeper in keepers)
        {
            if (!Username.Parse(keeper, "keepers").TryGet(out var name, out _))
                return s_keepers;
            if (!names.Contains(name))
                names.Add(name);
        }

        return names;
    }
}
