using System.Globalization;
using System.Text;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Errors;

namespace Activate.Identity.Core.Organizations;

/// <summary>An organization's name for people, and the slug made of it for programs.</summary>
public static class OrganizationName
{
    private const int MaximumLength = 100;
    private const int MaximumSlugLength = 64;

    /// <summary>Pages below <c>/sign-in</c>, where each organization has an address of its own.</summary>
    private static readonly string[] s_pages = ["callback", "second-factor"];

    public static Result<string> Parse(string? name, string field)
    {
        if (string.IsNullOrWhiteSpace(name))
            return Problems.Invalid(field, "organization_required", "Give the organization's name.");
        if (name.Length > MaximumLength * 2 || !CredentialName.IsPrintable(name))
            return Invalid(field);
        name = name.Trim().Normalize(NormalizationForm.FormC);
        return name.Length > MaximumLength ? Invalid(field) : name;
    }

    /// <summary>"Hydrology Lab Zürich" → "hydrology-lab-zurich"; a name without any Latin letter or digit → "organization".</summary>
    public static string ToSlug(string name)
    {
        var slug = new StringBuilder();
        foreach (var c in name.Normalize(NormalizationForm.FormKD))
        {
            if (char.IsAsciiLetterOrDigit(c))
                slug.Append(char.ToLowerInvariant(c));
            else if (CharUnicodeInfo.GetUnicodeCategory(c) != UnicodeCategory.NonSpacingMark && slug.Length > 0 && slug[^1] != '-')
                slug.Append('-');
        }

        var text = slug.Length > MaximumSlugLength ? slug.ToString(0, MaximumSlugLength) : slug.ToString();
        text = text.Trim('-');
        return text.Length == 0 ? "organization" : s_pages.Contains(text) ? $"{text}-organization" : text;
    }

    /// <summary>A slug that somebody chose. It is in claims and never changes, so it is not made to fit.</summary>
    public static Result<string> ParseSlug(string? slug, string field = "slug") =>
        s_pages.Contains(slug) ? Problems.Invalid(field, "slug_reserved", $"'{slug}' is the name of a page of this server. Choose another.")
        : slug is { Length: > 0 and <= MaximumSlugLength } && char.IsAsciiLetterOrDigit(slug[0]) && char.IsAsciiLetterOrDigit(slug[^1]) && !slug.Contains("--", StringComparison.Ordinal)
            && slug.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '-')
            ? slug
            : Problems.Invalid(field, "slug_invalid", $"A short name has 1 to {MaximumSlugLength} characters: lower-case letters a-z, digits, and single '-' between them.");

    private static Problem Invalid(string field) => Problems.Invalid(field, "organization_invalid",
        $"An organization's name has at most {MaximumLength} printable characters.");
}
