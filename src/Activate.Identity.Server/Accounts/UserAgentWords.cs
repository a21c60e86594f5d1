namespace Activate.Identity.Server.Accounts;

/// <summary>What a browser says it is, in words: "Firefox on Linux". It is a claim of the browser's, for its owner to know it again, and nothing depends on it.</summary>
internal static class UserAgentWords
{
    // The more particular first: most claim to be several.
    private static readonly (string Mark, string Name)[] s_browsers =
    [
        ("Edg", "Edge"), ("OPR/", "Opera"), ("Vivaldi", "Vivaldi"), ("SamsungBrowser", "Samsung Internet"), ("FxiOS", "Firefox"), ("Firefox", "Firefox"), ("CriOS", "Chrome"),
        ("Chrome", "Chrome"), ("Safari", "Safari"),
    ];

    private static readonly (string Mark, string Name)[] s_systems =
        [("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("CrOS", "ChromeOS"), ("Windows", "Windows"), ("Mac OS X", "macOS"), ("Linux", "Linux")];

    public static string Of(string? userAgent)
    {
        var browser = Find(s_browsers, userAgent) ?? "A browser";
        return Find(s_systems, userAgent) is { } system ? $"{browser} on {system}" : browser;
    }

    private static string? Find((string Mark, string Name)[] names, string? userAgent) =>
        userAgent is null ? null : Array.Find(names, entry => userAgent.Contains(entry.Mark, StringComparison.Ordinal)).Name;
}
