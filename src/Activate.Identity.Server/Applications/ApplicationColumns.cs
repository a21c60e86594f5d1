using System.Text.Json;
using Activate.Identity.Core.Applications;
using Activate.Identity.Data.Applications;
using static OpenIddict.Abstractions.OpenIddictConstants;
using Grants = Activate.Identity.Core.Applications.Grants;
using Scopes = Activate.Identity.Core.Scopes;

namespace Activate.Identity.Server.Applications;

/// <summary>
/// What the rules allow, in the columns that OpenIddict reads: permissions for each endpoint, grant and scope, and addresses as JSON lists. Kept as text, so that an
/// address is compared as it was registered.
/// </summary>
internal static class ApplicationColumns
{
    public static ApplicationSettings Read(Application application)
    {
        var permissions = List(application.Permissions);
        return new ApplicationSettings(
            KindOf(application), application.DisplayName ?? "", application.Publisher, application.LogoUri, List(application.RedirectUris), List(application.PostLogoutRedirectUris),
            [.. Grants.All.Where(grant => permissions.Contains(Permissions.Prefixes.GrantType + grant))],
            [.. permissions.Where(permission => permission.StartsWith(Permissions.Prefixes.Scope, StringComparison.Ordinal)).Select(permission => permission[Permissions.Prefixes.Scope.Length..])],
            Scopes.Split(application.Audiences ?? ""), application.JsonWebKeySet, application.SigningAlgorithm ?? ApplicationRules.UsualAlgorithm);
    }

    public static void Write(Application application, ApplicationSettings settings)
    {
        var signsIn = settings.Grants.Contains(Grants.AuthorizationCode);
        var isConfidential = settings.Kind.IsConfidential();
        application.Kind = settings.Kind;
        application.ClientType = isConfidential ? ClientTypes.Confidential : ClientTypes.Public;
        application.ApplicationType = settings.Kind == ApplicationKind.Native ? ApplicationTypes.Native : ApplicationTypes.Web;
        application.ConsentType = ConsentTypes.Explicit;
        application.DisplayName = settings.Name;
        application.Publisher = settings.Publisher;
        application.LogoUri = settings.LogoUri;
        application.RedirectUris = Json(settings.RedirectUris);
        application.PostLogoutRedirectUris = Json(settings.PostLogoutRedirectUris);
        application.Audiences = settings.Resources.Count == 0 ? null : Scopes.Join(settings.Resources);
        application.JsonWebKeySet = settings.KeySet;
        application.SigningAlgorithm = settings.SigningAlgorithm == ApplicationRules.UsualAlgorithm ? null : settings.SigningAlgorithm;
        application.Requirements = Json(signsIn ? [Requirements.Features.ProofKeyForCodeExchange] : []);

        List<string> permissions = [Permissions.Endpoints.Revocation];
        if (settings.Grants.Count > 0)
            permissions.Add(Permissions.Endpoints.Token);
        if (signsIn)
            permissions.AddRange([Permissions.Endpoints.Authorization, Permissions.Endpoints.PushedAuthorization, Permissions.Endpoints.EndSession, Permissions.ResponseTypes.Code]);
        if (settings.Grants.Contains(Grants.DeviceCode))
            permissions.Add(Permissions.Endpoints.DeviceAuthorization);
        if (isConfidential)
            permissions.Add(Permissions.Endpoints.Introspection);
        permissions.AddRange(settings.Grants.Select(grant => Permissions.Prefixes.GrantType + grant));
        permissions.AddRange(settings.Scopes.Select(scope => Permissions.Prefixes.Scope + scope));
        application.Permissions = Json(permissions);
    }

    /// <summary>The application of the command line, and rows from before there were kinds, have none.</summary>
    private static ApplicationKind KindOf(Application application) =>
        ApplicationKinds.All.Contains(application.Kind) ? application.Kind
        : application.ApplicationType == ApplicationTypes.Native ? ApplicationKind.Native
        : application.ClientType == ClientTypes.Confidential ? ApplicationKind.Web
        : ApplicationKind.Browser;

    private static string[] List(string? json) => string.IsNullOrEmpty(json) ? [] : JsonSerializer.Deserialize<string[]>(json) ?? [];

    private static string? Json(IReadOnlyList<string> list) => list.Count == 0 ? null : JsonSerializer.Serialize(list);
}
