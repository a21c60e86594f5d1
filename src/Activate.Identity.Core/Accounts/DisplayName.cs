using System.Text;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Errors;

namespace Activate.Identity.Core.Accounts;

/// <summary>The name by which people know somebody: at most 100 printable characters, or none at all.</summary>
public static class DisplayName
{
    private const int MaximumLength = 100;

    /// <summary>The name trimmed and normalized (NFC); an empty text when there is none.</summary>
    public static Result<string> Parse(string? name, string field = "displayName")
    {
        if (string.IsNullOrWhiteSpace(name))
            return "";
        if (name.Length > MaximumLength * 2 || !CredentialName.IsPrintable(name.Trim()))
            return Invalid(field);
        name = name.Trim().Normalize(NormalizationForm.FormC);
        return name.Length > MaximumLength ? Invalid(field) : name;
    }

    private static Problem Invalid(string field) => Problems.Invalid(field, "display_name_invalid", $"A name has at most {MaximumLength} printable characters.");
}
