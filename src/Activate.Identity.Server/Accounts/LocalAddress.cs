using System.Text.RegularExpressions;

namespace Activate.Identity.Server.Accounts;

/// <summary>
/// Where to go after signing in: a page of ours, or the start page. The path may hold only what our paths hold, no percent-encoding at all, so that no
/// reading of it (by a browser, a proxy, decoded once more) leads to another site: //evil, /\evil, /%09/evil, /%5cevil.
/// </summary>
public static partial class LocalAddress
{
    public const string Start = "/";

    public static string From(string? returnUrl) => returnUrl is { Length: <= 8192 } && Form().IsMatch(returnUrl) ? returnUrl : Start;

    [GeneratedRegex(@"\A/(?:[A-Za-z0-9._~-]+/)*(?:[A-Za-z0-9._~-]+)?(?:\?[\x21\x24-\x3b\x3d\x3f-\x5b\x5d-\x7e]*)?\z", RegexOptions.NonBacktracking)]
    private static partial Regex Form();
}
