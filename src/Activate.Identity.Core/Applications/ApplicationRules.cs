using System.Collections.Frozen;
using Activate.Identity.Core.Errors;

namespace Activate.Identity.Core.Applications;

/// <summary>What may be registered: for each kind its grants, where it is redirected to, which scopes and audiences it may name, and how it proves who it is.</summary>
public static class ApplicationRules
{
    public const int MostUris = 20;
    public const int LongestLogoUri = 512;
    public const string UsualAlgorithm = "RS256";

    /// <summary>What fits the column, all audiences together.</summary>
    public const int LongestResources = 2048;

    public static readonly IReadOnlyList<string> SigningAlgorithms = [UsualAlgorithm, "ES256"];

    /// <summary>About a person who signed in.</summary>
    private static readonly FrozenSet<string> s_aboutPeople = FrozenSet.ToFrozenSet([Scopes.OpenId, Scopes.Profile, Scopes.Email, Scopes.OfflineAccess]);

    /// <summary>The scopes an application may name, in the order in which people are shown them. Looking up SSH keys is for clusters, which have keys of their own.</summary>
    public static readonly IReadOnlyList<string> ScopesOffered =
    [
        Scopes.OpenId, Scopes.Profile, Scopes.Email, Scopes.OfflineAccess, Scopes.Platform, Scopes.CredentialsRead, Scopes.CredentialsWrite, Scopes.OrganizationRead, Scopes.OrganizationWrite,
        Scopes.AuditRead,
    ];

    /// <param name="draft">What is wanted.</param>
    /// <param name="isServerWide">An operator registers it for all organizations: it may have the server's own names and audiences.</param>
    /// <param name="publicOrigin">The server's.</param>
    public static Result<ApplicationSettings> Decide(ApplicationDraft draft, bool isServerWide, Uri publicOrigin)
    {
        if (!ApplicationName.Parse(draft.Name, isServerWide).TryGet(out var name, out var problem)
            || !ParseKind(draft.Type).TryGet(out var kind, out problem)
            || !ApplicationName.ParsePublisher(draft.Publisher, isServerWide).TryGet(out var publisher, out problem)
            || !ParseLogo(draft.LogoUri).TryGet(out var logo, out problem)
            || !DecideGrants(kind, draft.Grants).TryGet(out var grants, out problem)
            || !ParseUris(kind, grants, draft.RedirectUris, "redirectUris").TryGet(out var redirects, out problem)
            || !ParseUris(kind, grants, draft.PostLogoutRedirectUris, "postLogoutRedirectUris").TryGet(out var logouts, out problem)
            || !DecideScopes(grants, draft.Scopes).TryGet(out var scopes, out problem)
            || !ParseResources(kind, draft.Resources, isServerWide, publicOrigin).TryGet(out var resources, out problem)
            || !ParseKeys(kind, draft.KeySet).TryGet(out var keys, out problem))
            return problem;
        if (grants.Contains(Grants.AuthorizationCode) && redirects.Length == 0)
            return Problems.Invalid("redirectUris", "redirect_uri_required", "Say where people are sent back to after they signed in: at least one redirect URI.");
        var algorithm = string.IsNullOrEmpty(draft.SigningAlgorithm) ? UsualAlgorithm : draft.SigningAlgorithm;
        if (!SigningAlgorithms.Contains(algorithm))
            return Problems.Invalid("signingAlgorithm", "signing_algorithm_invalid", $"ID tokens are signed with one of: {string.Join(", ", SigningAlgorithms)}.");
        return new ApplicationSettings(kind, name, OrNull(publisher), OrNull(logo), redirects, logouts, grants, scopes, resources, OrNull(keys), algorithm);
    }

    private static Result<ApplicationKind> ParseKind(string? type) => ApplicationKinds.Find(type) is { } kind
        ? kind
        : Problems.Invalid("type", "application_type_invalid", $"The type is one of: {string.Join(", ", ApplicationKinds.All.Select(known => known.Word()))}.");

    private static Result<string> ParseLogo(string? text)
    {
        if (string.IsNullOrEmpty(text))
            return "";
        // Shown to people beside the name: nothing that executes, and nothing that the network could replace.
        return text.Length <= LongestLogoUri && text.All(char.IsAscii) && !text.Any(c => char.IsControl(c) || c is ' ' or '\\' or '#')
            && Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme == Uri.UriSchemeHttps && uri.Host.Length > 0 && uri.UserInfo.Length == 0 && text == uri.AbsoluteUri
            ? text
            : Problems.Invalid("logoUri", "logo_uri_invalid", $"The logo is an https address of at most {LongestLogoUri} characters, such as https://app.example.org/logo.png.");
    }

    private static Result<string[]> DecideGrants(ApplicationKind kind, IReadOnlyList<string?>? wanted)
    {
        if (wanted is null)
            return kind.Usually().ToArray();
        var grants = new List<string>();
        foreach (var name in wanted)
        {
            if (Grants.Find(name) is not { } grant || !kind.MayHave().Contains(grant))
            {
                return Problems.Invalid("grants", "grant_invalid",
                    $"An application of the type '{kind.Word()}' may have: {string.Join(", ", kind.MayHave().Select(Grants.Word))}.");
            }

            if (!grants.Contains(grant))
                grants.Add(grant);
        }

        if (grants.Count == 0 && kind != ApplicationKind.ResourceServer)
            return Problems.Invalid("grants", "grants_required", $"Without a grant it could do nothing. It may have: {string.Join(", ", kind.MayHave().Select(Grants.Word))}.");
        if (grants.Contains(Grants.RefreshToken) && !grants.Contains(Grants.AuthorizationCode) && !grants.Contains(Grants.DeviceCode))
            return Problems.Invalid("grants", "grant_invalid", "A refresh token comes with a sign-in: add authorization_code or device_code, or leave refresh_token out.");
        return grants.ToArray();
    }

    private static Result<string[]> ParseUris(ApplicationKind kind, string[] grants, IReadOnlyList<string?>? wanted, string field)
    {
        if (wanted is null or [])
            return Array.Empty<string>();
        if (!grants.Contains(Grants.AuthorizationCode))
            return Problems.Invalid(field, "redirect_uri_useless", "Nobody is redirected to an application without the grant authorization_code: leave it out.");
        if (wanted.Count > MostUris)
            return Problems.Invalid(field, "redirect_uris_too_many", $"An application has at most {MostUris} of them.");
        var uris = new List<string>();
        foreach (var text in wanted)
        {
            if (!RedirectUri.Parse(text, kind, field).TryGet(out var uri, out var problem))
                return problem;
            if (!uris.Contains(uri))
                uris.Add(uri);
        }

        return uris.ToArray();
    }

    private static Result<string[]> DecideScopes(string[] grants, IReadOnlyList<string?>? wanted)
    {
        var scopes = new List<string>();
        foreach (var scope in wanted ?? [])
        {
            if (scope is null || !ScopesOffered.Contains(scope))
                return Problems.Invalid("scopes", "scope_invalid", $"An application may have: {string.Join(", ", ScopesOffered)}.");
            if (scope == Scopes.OfflineAccess && !grants.Contains(Grants.RefreshToken))
                return Problems.Invalid("scopes", "scope_needs_grant", "offline_access is for applications with the grant refresh_token.");
            if (s_aboutPeople.Contains(scope) && !grants.Contains(Grants.AuthorizationCode) && !grants.Contains(Grants.DeviceCode) && !grants.Contains(Grants.TokenExchange))
                return Problems.Invalid("scopes", "scope_needs_grant", $"'{scope}' is about a person who signed in: no person signs in to this application.");
            if (!scopes.Contains(scope))
                scopes.Add(scope);
        }

        return scopes.Count == 0 && grants.Length > 0
            ? Problems.Invalid("scopes", "scopes_required", "Say what it may ask for: at least one scope, such as openid or platform.")
            : scopes.ToArray();
    }

    private static Result<string[]> ParseResources(ApplicationKind kind, IReadOnlyList<string?>? wanted, bool isServerWide, Uri publicOrigin)
    {
        if (wanted is null or [])
        {
            return kind == ApplicationKind.ResourceServer
                ? Problems.Invalid("resources", "resources_required", "A resource server says which audiences it answers for, such as https://api.example.org.")
                : Array.Empty<string>();
        }

        if (!kind.IsConfidential())
            return Problems.Invalid("resources", "resources_useless", "An application that keeps no secret cannot ask about tokens: it answers for no audience.");
        var resources = new List<string>();
        foreach (var text in wanted)
        {
            // RFC 8707 §2: an absolute URI without a fragment. They are stored side by side, with spaces between.
            if (text is not { Length: > 0 and <= 512 } || !text.All(c => c is > ' ' and <= '~' and not ('#' or '\\' or '"' or '*' or '<' or '>'))
                || !Uri.TryCreate(text, UriKind.Absolute, out var uri) || !text.StartsWith($"{uri.Scheme}:", StringComparison.Ordinal) || uri.UserInfo.Length > 0 || uri.IsFile)
                return Problems.Invalid("resources", "resource_invalid", "A resource is an absolute URI without a fragment, such as https://api.example.org (RFC 8707).");
            if (!isServerWide && string.Equals(uri.IdnHost, publicOrigin.IdnHost, StringComparison.OrdinalIgnoreCase) && uri.IdnHost.Length > 0)
                return Problems.Invalid("resources", "resource_reserved", "That is an audience of this server itself. Only an operator can register who answers for it.");
            if (!resources.Contains(text))
                resources.Add(text);
        }

        return resources.Count > MostUris || string.Join(' ', resources).Length > LongestResources
            ? Problems.Invalid("resources", "resources_too_many", $"An application answers for at most {MostUris} audiences, of {LongestResources} characters altogether.")
            : resources.ToArray();
    }

    private static Result<string> ParseKeys(ApplicationKind kind, string? json)
    {
        if (string.IsNullOrWhiteSpace(json))
            return "";
        return kind.IsConfidential()
            ? ApplicationKeySet.Parse(json)
            : Problems.Invalid("jwks", "jwks_useless", "An application that runs at people's places cannot keep a key to itself: leave it out.");
    }

    private static string? OrNull(string text) => text.Length == 0 ? null : text;
}
