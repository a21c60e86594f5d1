using System.Globalization;

namespace Activate.Identity.Server.Web;

/// <summary>Reads single settings. One that means nothing stops the start with its full name, instead of a stack trace or a silent default.</summary>
internal static class Settings
{
    public static bool Flag(this IConfiguration configuration, string key, bool fallback) =>
        configuration[key] is not { Length: > 0 } text ? fallback
        : bool.TryParse(text, out var flag) ? flag
        : throw new StartupException($"{Name(configuration, key)} is '{text}'. It is true or false.");

    /// <summary>A limit: a whole number; absent or empty is no limit.</summary>
    public static int? Limit(this IConfiguration configuration, string key, int largest = int.MaxValue, int smallest = 1) =>
        configuration[key] is not { Length: > 0 } text ? null
        : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= smallest && number <= largest ? number
        : throw new StartupException(
            $"{Name(configuration, key)} is '{text}'. It is a whole number{(largest == int.MaxValue ? $", {smallest} or more" : $" from {smallest} to {largest}")}; leave it out for no limit.");

    public static T Choice<T>(this IConfiguration configuration, string key, T fallback) where T : struct, Enum =>
        configuration[key] is not { Length: > 0 } text ? fallback
        : Enum.GetNames<T>().Contains(text, StringComparer.OrdinalIgnoreCase) ? Enum.Parse<T>(text, ignoreCase: true)
        : throw new StartupException($"{Name(configuration, key)} is '{text}'. It is one of {string.Join(", ", Enum.GetNames<T>())}.");

    /// <summary>A misspelt limit must not be no limit.</summary>
    public static void AllowOnly(this IConfigurationSection section, params string[] keys)
    {
        foreach (var (key, value) in section.AsEnumerable(makePathsRelative: true))
        {
            if (!string.IsNullOrEmpty(value) && !keys.Contains(key, StringComparer.OrdinalIgnoreCase))
                throw new StartupException($"There is no setting {section.Path}:{key}. There are {string.Join(", ", keys)}.");
        }
    }

    private static string Name(IConfiguration configuration, string key) => configuration is IConfigurationSection section ? $"{section.Path}:{key}" : key;
}
