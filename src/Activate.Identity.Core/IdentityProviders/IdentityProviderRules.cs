using System.Globalization;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Errors;
using Activate.Identity.Core.Organizations;

namespace Activate.Identity.Core.IdentityProviders;

/// <summary>What a provider's settings may be.</summary>
public static class IdentityProviderRules
{
    public const int MostDomains = 20;
    public const int MostGroups = 50;
    public const int LongestValue = 255;
    public const int LongestSecret = 512;
    public const int LongestPause = 3650;

    public static readonly IReadOnlyList<string> UsualScopes = ["openid", "profile", "email"];

    /// <param name="draft">As somebody wants it.</param>
    /// <param name="allowsLoopback">Plain http is taken on loopback: for development.</param>
    public static Result<IdentityProviderSettings> Decide(IdentityProviderDraft draft, bool allowsLoopback)
    {
        if (!CredentialName.Parse(draft.Name).TryGet(out var name, out var problem)
            || !Issuer(draft.Issuer, allowsLoopback).TryGet(out var issuer, out problem)
            || !Text(draft.ClientId, "clientId").TryGet(out var clientId, out problem)
            || !ScopesOf(draft.Scopes).TryGet(out var scopes, out problem)
            || !Domains(draft.AllowedDomains).TryGet(out var domains, out problem)
            || !RolesOf(draft.Roles).TryGet(out var roles, out problem)
            || !Texts(draft.MfaContexts, "mfaContexts", 10).TryGet(out var contexts, out problem))
            return problem;
        if (OptionalText(draft.RequiredClaim, "requiredClaim") is { } wrongClaim)
            return wrongClaim;
        if (OptionalText(draft.RequiredValue, "requiredClaim") is { } wrongValue)
            return wrongValue;
        if (OptionalText(draft.GroupsClaim, "groupsClaim") is { } wrongGroups)
            return wrongGroups;
        if ((draft.RequiredClaim is null) != (draft.RequiredValue is null))
            return Problems.Invalid("requiredClaim", "required_claim_invalid", "A required claim has a name and a value. Give both, or neither.");
        if (roles.Count > 0 && draft.GroupsClaim is null)
            return Problems.Invalid("groupsClaim", "groups_claim_required", "Roles by group need the name of the claim that lists the groups, often 'groups'.");
        if (contexts.Count > 0 && !draft.TrustsMfa)
            return Problems.Invalid("mfaContexts", "mfa_not_trusted", "Values of 'acr' that mean two factors count only where the provider's second factor is trusted.");
        if (draft.PauseAfterDays is < 1 or > LongestPause)
            return Problems.Invalid("pauseAfterDays", "pause_invalid", $"Credentials pause after 1 to {LongestPause} days without a sign-in, or never.");
        return new IdentityProviderSettings(name, issuer, clientId)
        {
            Scopes = scopes, AllowedDomains = domains, TrustsEmail = draft.TrustsEmail, RequiredClaim = draft.RequiredClaim, RequiredValue = draft.RequiredValue,
            GroupsClaim = draft.GroupsClaim, Roles = roles, TrustsMfa = draft.TrustsMfa, MfaContexts = contexts, PauseAfterDays = draft.PauseAfterDays, Enabled = draft.Enabled,
        };
    }

    /// <summary>The address without which nothing about a provider can be trusted: https, and nothing in it that two parsers read in two ways.</summary>
    public static Result<string> Issuer(string? issuer, bool allowsLoopback)
    {
        if (string.IsNullOrWhiteSpace(issuer))
            return Problems.Invalid("issuer", "issuer_required", "Give the provider's issuer, such as https://login.example.org.");
        issuer = issuer.Trim();
        if (issuer.Length > LongestValue || !issuer.All(c => c is > ' ' and < '\x7f' and not ('\\' or '"' or '<' or '>' or '%')) || !Uri.TryCreate(issuer, UriKind.Absolute, out var uri)
            || uri.UserInfo.Length > 0 || uri.Query.Length > 0 || uri.Fragment.Length > 0 || uri.Host.Length == 0)
            return Problems.Invalid("issuer", "issuer_invalid", "An issuer is an https address without query and fragment, such as https://login.example.org/realms/main. It stands in the provider's discovery document.");
        return IsSecure(uri, allowsLoopback) ? issuer : Problems.Invalid("issuer", "issuer_insecure", "An issuer is reached by https only: whoever is in between could otherwise sign in as anybody.");
    }

    /// <summary>Nobody in between reads or changes what goes there.</summary>
    public static bool IsSecure(Uri address, bool allowsLoopback) =>
        address.IsAbsoluteUri && (address.Scheme == Uri.UriSchemeHttps || (allowsLoopback && address.Scheme == Uri.UriSchemeHttp && address.IsLoopback));

    public static Problem? Secret(string? secret) => secret is null || (secret.Length is > 0 and <= LongestSecret && secret.All(c => c is >= ' ' and <= '~'))
        ? null
        : Problems.Invalid("clientSecret", "client_secret_invalid", $"A client secret has 1 to {LongestSecret} printable ASCII characters. Leave it out where the provider gave none.");

    /// <summary>In lower case and ASCII, as it is compared.</summary>
    public static string? Domain(string? domain)
    {
        domain = domain?.Trim().TrimStart('@').ToLowerInvariant();
        if (domain is not { Length: > 0 and <= 253 })
            return null;
        try
        {
            domain = new IdnMapping { UseStd3AsciiRules = true }.GetAscii(domain);
        }
        catch (ArgumentException)
        {
            return null;
        }

        var labels = domain.Split('.');
        return labels.Length > 1 && Array.TrueForAll(labels, label => label.Length is > 0 and <= 63 && label.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '-')) ? domain : null;
    }

    private static Result<IReadOnlyList<string>> Domains(IReadOnlyList<string?>? domains)
    {
        var parsed = (domains ?? []).Select(Domain).ToList();
        return parsed.Count <= MostDomains && parsed.TrueForAll(domain => domain is not null)
            ? List(parsed.OfType<string>().Distinct(StringComparer.Ordinal))
            : Problems.Invalid("allowedDomains", "domain_invalid", $"List at most {MostDomains} domains of e-mail addresses, such as example.org. Each counts exactly, without those below it.");
    }

    private static Result<IReadOnlyList<string>> ScopesOf(IReadOnlyList<string?>? scopes)
    {
        if (scopes is null or [])
            return List(UsualScopes);
        if (scopes.Count > 20 || scopes.Any(scope => scope is not { Length: > 0 and <= 100 } || !scope.All(c => c is '\x21' or (>= '\x23' and <= '\x5b') or (>= '\x5d' and <= '\x7e'))))
            return Problems.Invalid("scopes", "scope_invalid", "A scope is a word without spaces, as the provider names it; there are at most 20.");
        return List(scopes.Select(scope => scope!).Prepend("openid").Distinct(StringComparer.Ordinal));
    }

    private static Result<IReadOnlyDictionary<string, Role>> RolesOf(IReadOnlyDictionary<string, string?>? roles)
    {
        var parsed = new SortedDictionary<string, Role>(StringComparer.Ordinal);
        foreach (var (group, word) in roles ?? new Dictionary<string, string?>())
        {
            if (group.Length is 0 or > LongestValue || !CredentialName.IsPrintable(group) || parsed.Count >= MostGroups)
                return Problems.Invalid("roles", "group_invalid", $"A group's name has 1 to {LongestValue} printable characters, and there are at most {MostGroups}.");
            if (!Roles.Parse(word, "roles").TryGet(out var role, out var problem))
                return problem;
            if (role > Role.Admin)
                return Problems.Invalid("roles", "role_not_from_outside", "A group gives the role 'member' or 'admin'. Owners are made by owners, here.");
            parsed[group] = role;
        }

        return parsed;
    }

    private static Result<string> Text(string? text, string field) => text?.Trim() is { Length: > 0 and <= LongestValue } trimmed && CredentialName.IsPrintable(trimmed)
        ? trimmed
        : Problems.Invalid(field, "client_id_invalid", $"The client id that the provider gave has 1 to {LongestValue} printable characters.");

    private static Result<IReadOnlyList<string>> Texts(IReadOnlyList<string?>? texts, string field, int most) =>
        texts is null ? List([])
        : texts.Count <= most && texts.All(text => text is { Length: > 0 and <= LongestValue } && CredentialName.IsPrintable(text)) ? List(texts.Select(text => text!).Distinct(StringComparer.Ordinal))
        : Problems.Invalid(field, "value_invalid", $"There are at most {most}, each of 1 to {LongestValue} printable characters.");

    private static Problem? OptionalText(string? text, string field) => text is null || (text.Length is > 0 and <= LongestValue && CredentialName.IsPrintable(text))
        ? null
        : Problems.Invalid(field, "value_invalid", $"It has 1 to {LongestValue} printable characters.");

    private static Result<IReadOnlyList<string>> List(IEnumerable<string> list) => (string[])[.. list];
}
