using Activate.Identity.Core.Applications;
using Activate.Identity.Core.Errors;
using Microsoft.AspNetCore.Http;

namespace Activate.Identity.Server.Applications;

/// <summary>An application as its form holds it (Applications/ApplicationForm.cshtml): lists as lines of text, so that they can be edited without JavaScript.</summary>
public sealed record ApplicationForm
{
    public string? Name { get; init; }
    public string? Type { get; init; }
    public string? Publisher { get; init; }
    public string? LogoUri { get; init; }
    public string? RedirectUris { get; init; }
    public string? PostLogoutRedirectUris { get; init; }
    /// <summary>Empty: the usual ones of the type.</summary>
    public IReadOnlyList<string> Grants { get; init; } = [];
    public IReadOnlyList<string> Scopes { get; init; } = [Core.Scopes.OpenId, Core.Scopes.Profile];
    public string? Resources { get; init; }
    public string? Jwks { get; init; }
    public string? SigningAlgorithm { get; init; }

    /// <summary>In a new application the type can be chosen; afterwards it stays.</summary>
    public bool IsNew { get; init; }

    public static ApplicationForm Of(ApplicationSettings settings) => new()
    {
        Name = settings.Name, Type = settings.Kind.Word(), Publisher = settings.Publisher, LogoUri = settings.LogoUri,
        RedirectUris = string.Join('\n', settings.RedirectUris), PostLogoutRedirectUris = string.Join('\n', settings.PostLogoutRedirectUris),
        Grants = settings.Grants, Scopes = settings.Scopes, Resources = string.Join('\n', settings.Resources), Jwks = settings.KeySet, SigningAlgorithm = settings.SigningAlgorithm,
    };

    public static ApplicationForm Sent(IFormCollection fields) => new()
    {
        Name = fields["Name"], Type = fields["Type"], Publisher = fields["Publisher"], LogoUri = fields["LogoUri"], RedirectUris = fields["RedirectUris"],
        PostLogoutRedirectUris = fields["PostLogoutRedirectUris"], Grants = [.. fields["Grants"].OfType<string>()], Scopes = [.. fields["Scopes"].OfType<string>()], Resources = fields["Resources"],
        Jwks = fields["Jwks"], SigningAlgorithm = fields["SigningAlgorithm"],
    };

    /// <param name="isEmptyUsual">Whether no grant at all means the usual ones.</param>
    public ApplicationDraft ToDraft(bool isEmptyUsual) => new(Name, Type)
    {
        Publisher = Publisher, LogoUri = LogoUri?.Trim(), RedirectUris = Lines(RedirectUris), PostLogoutRedirectUris = Lines(PostLogoutRedirectUris),
        Grants = isEmptyUsual && Grants.Count == 0 ? null : Grants, Scopes = Scopes, Resources = Lines(Resources), KeySet = Jwks, SigningAlgorithm = SigningAlgorithm,
    };

    /// <summary>The form to be shown again after a refusal: what was typed, but a private key, which is not sent back.</summary>
    public ApplicationForm After(Problem problem) => problem.Code == "jwks_private" ? this with { Jwks = "" } : this;

    /// <summary>A type in the words of a page.</summary>
    public static string TypeLabel(ApplicationKind kind) => kind switch
    {
        ApplicationKind.Web => "Web application",
        ApplicationKind.Browser => "Browser application",
        ApplicationKind.Native => "Native application",
        ApplicationKind.Service => "Service",
        ApplicationKind.ResourceServer => "Resource server",
    };

    public static string TypeHint(ApplicationKind kind) => kind switch
    {
        ApplicationKind.Web => "Runs on a server that keeps a secret; people sign in to it.",
        ApplicationKind.Browser => "Runs in the browser and keeps no secret; people sign in to it.",
        ApplicationKind.Native => "Runs on people’s own devices; people sign in to it in a browser or with a code.",
        ApplicationKind.Service => "Acts for itself, without people.",
        ApplicationKind.ResourceServer => "An API that accepts tokens of this server and asks about them.",
    };

    public static string GrantLabel(string grant) => Core.Applications.Grants.Word(grant) switch
    {
        "authorization_code" => "Sign people in by redirects",
        "refresh_token" => "Keep them signed in",
        "client_credentials" => "Act for itself",
        "device_code" => "Sign people in with a code, on devices without a browser",
        "token_exchange" => "Exchange tokens that it was given",
        var other => other,
    };

    private static string[] Lines(string? text) => (text ?? "").Split(['\r', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
}

/// <summary>A labelled text of several lines (Applications/Lines.cshtml).</summary>
public sealed record Lines(string Name, string Label, string? Value, string Hint);
