using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Errors;

namespace Activate.Identity.Core.Accounts;

/// <summary>An e-mail address as far as it can be checked without sending mail: <c>local@domain</c>, ASCII local part, host-name domain, 254 characters.</summary>
public static class EmailAddress
{
    public const int MaximumLength = 254;

    public static Result<string> Parse(string? email, string field = "email")
    {
        if (string.IsNullOrWhiteSpace(email))
            return Problems.Invalid(field, "email_required", "Give an e-mail address.");
        email = email.Trim();
        var at = email.LastIndexOf('@');
        if (email.Length > MaximumLength || !CredentialName.IsPrintable(email) || at is < 1 or > 64 || !IsLocalPart(email.AsSpan(0, at)) || !IsDomain(email[(at + 1)..]))
            return Problems.Invalid(field, "email_invalid", "That is not an e-mail address we can use: it should look like name@example.org.");
        return email;
    }

    /// <summary>The form under which two addresses count as the same: case does not matter.</summary>
    public static string Normalize(string email) => email.ToUpperInvariant();

    private static bool IsLocalPart(ReadOnlySpan<char> local)
    {
        foreach (var c in local)
        {
            if (!char.IsAsciiLetterOrDigit(c) && !"!#$%&'*+/=?^_`{|}~.-".Contains(c, StringComparison.Ordinal))
                return false;
        }

        return local[0] != '.' && local[^1] != '.' && local.IndexOf("..") < 0;
    }

    private static bool IsDomain(string domain)
    {
        var labels = domain.Split('.');
        // A last label of digits only would be an IPv4 address.
        return labels.Length > 1 && !labels[^1].All(char.IsAsciiDigit) && Array.TrueForAll(labels, label => label.Length is > 0 and <= 63 && label[0] != '-' && label[^1] != '-'
            && label.All(c => char.IsAsciiLetterOrDigit(c) || c == '-'));
    }
}
