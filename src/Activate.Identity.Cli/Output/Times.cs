using System.Globalization;

namespace Activate.Identity.Cli.Output;

/// <summary>Moments as people read them: how far away, and exactly when in UTC.</summary>
internal static class Times
{
    public static string Exact(DateTimeOffset moment) => moment.ToUniversalTime().ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    /// <summary><c>in 2 h 59 min</c> or <c>3 d 4 h ago</c>; rounded down, so that nothing lasts longer than promised.</summary>
    public static string Relative(DateTimeOffset moment, DateTimeOffset now)
    {
        var span = (moment - now).Duration();
        var text = span switch
        {
            { TotalMinutes: < 1 } => $"{span.Seconds} s",
            { TotalHours: < 1 } => $"{span.Minutes} min",
            { TotalDays: < 1 } => span.Minutes == 0 ? $"{span.Hours} h" : $"{span.Hours} h {span.Minutes} min",
            { TotalDays: < 14 } => span.Hours == 0 ? $"{span.Days} d" : $"{span.Days} d {span.Hours} h",
            _ => $"{span.Days} d",
        };
        return moment >= now ? $"in {text}" : $"{text} ago";
    }

    /// <summary>"24h" is that long ago; everything else is for the server to understand.</summary>
    public static string? Ago(string? text, DateTimeOffset now)
    {
        if (text is not { Length: > 1 and < 8 } || !int.TryParse(text.AsSpan(..^1), NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number > 100_000)
            return text;
        return text[^1] switch
        {
            'm' => Exact(now.AddMinutes(-number)),
            'h' => Exact(now.AddHours(-number)),
            'd' => Exact(now.AddDays(-number)),
            _ => text,
        };
    }

    public static string Full(DateTimeOffset moment, DateTimeOffset now) => $"{Relative(moment, now)}, {Exact(moment)}";

    public static string Full(DateTimeOffset? moment, DateTimeOffset now, string absent) => moment is { } known ? Full(known, now) : absent;

    /// <summary>With the local time first, for the person who has just signed in here.</summary>
    public static string Local(DateTimeOffset moment, TimeProvider time)
    {
        var local = TimeZoneInfo.ConvertTime(moment, time.LocalTimeZone);
        return $"{local.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture)} local time ({Exact(moment)})";
    }
}
