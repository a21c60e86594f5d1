namespace Activate.Identity.Core.Applications;

/// <summary>The kinds as the contract writes them, and what each may be given. A kind that is added does not compile until it stands here.</summary>
public static class ApplicationKinds
{
    public static readonly IReadOnlyList<ApplicationKind> All =
        [ApplicationKind.Web, ApplicationKind.Browser, ApplicationKind.Native, ApplicationKind.Service, ApplicationKind.ResourceServer];

    public static string Word(this ApplicationKind kind) => kind switch
    {
        ApplicationKind.Web => "web",
        ApplicationKind.Browser => "browser",
        ApplicationKind.Native => "native",
        ApplicationKind.Service => "service",
        ApplicationKind.ResourceServer => "resourceServer",
    };

    public static ApplicationKind? Find(string? word)
    {
        foreach (var kind in All)
        {
            if (kind.Word() == word)
                return kind;
        }

        return null;
    }

    /// <summary>Whether it can prove who it is: it keeps a secret or a key where nobody else reads them.</summary>
    public static bool IsConfidential(this ApplicationKind kind) => kind switch
    {
        ApplicationKind.Web or ApplicationKind.Service or ApplicationKind.ResourceServer => true,
        ApplicationKind.Browser or ApplicationKind.Native => false,
    };

    /// <summary>The grants that it may have.</summary>
    public static IReadOnlyList<string> MayHave(this ApplicationKind kind) => kind switch
    {
        ApplicationKind.Web => [Grants.AuthorizationCode, Grants.RefreshToken, Grants.ClientCredentials, Grants.TokenExchange],
        ApplicationKind.Browser => [Grants.AuthorizationCode, Grants.RefreshToken],
        ApplicationKind.Native => [Grants.AuthorizationCode, Grants.RefreshToken, Grants.DeviceCode],
        ApplicationKind.Service => [Grants.ClientCredentials, Grants.TokenExchange],
        ApplicationKind.ResourceServer => [Grants.TokenExchange],
    };

    /// <summary>The grants that it gets when none are asked for.</summary>
    public static IReadOnlyList<string> Usually(this ApplicationKind kind) => kind switch
    {
        ApplicationKind.Web or ApplicationKind.Browser => [Grants.AuthorizationCode, Grants.RefreshToken],
        ApplicationKind.Native => [Grants.AuthorizationCode, Grants.RefreshToken, Grants.DeviceCode],
        ApplicationKind.Service => [Grants.ClientCredentials],
        ApplicationKind.ResourceServer => [],
    };
}
