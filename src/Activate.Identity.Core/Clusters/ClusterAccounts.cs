using Activate.Identity.Core.Accounts;
using Activate.Identity.Core.Errors;

namespace Activate.Identity.Core.Clusters;

/// <summary>
/// Whose Unix account on a cluster has another name than the person. Never two people on one account: what one does there would be the other's, and a key that
/// was taken from one would leave the account open through the other.
/// </summary>
public static class ClusterAccounts
{
    public const int Most = 5000;

    /// <summary>Checks names of people and accounts; each account stands at most once. Whether there are such people is for the database to say.</summary>
    /// <param name="accounts">The Unix account's name by username.</param>
    public static Result<IReadOnlyDictionary<string, string>> Parse(IReadOnlyDictionary<string, string?>? accounts)
    {
        if (accounts is null || accounts.Count > Most)
            return Problems.Invalid("accounts", "accounts_invalid", $"Give an object with at most {Most} members: a username, and the name of the Unix account of that person.");
        var parsed = new Dictionary<string, string>(StringComparer.Ordinal);
        var taken = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (username, account) in accounts)
        {
            if (Username.Parse(username).Problem is not null)
                return Unknown(username);
            if (!Username.Parse(account, "accounts").TryGet(out var unixName, out var problem))
                return Problems.Invalid("accounts", "account_invalid", $"The account of '{username}' cannot be used. {problem.Detail}");
            if (!taken.Add(unixName))
                return Taken(unixName);
            parsed[username] = unixName;
        }

        return parsed;
    }

    public static Problem Unknown(string username) =>
        Problems.Invalid("accounts", "user_unknown", $"Nobody of your organization has the username '{(username.Length <= Username.MaximumLength ? username : "…")}'.");

    public static Problem Taken(string unixName) =>
        new(ProblemKind.Conflict, "account_taken", $"'{unixName}' would be the account of two people. Each Unix account of a cluster belongs to one person.", "accounts");
}
