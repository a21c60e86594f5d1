using System.Globalization;

namespace Activate.Identity.Server.Web;

/// <summary>A time as pages show it (Web/Moment.cshtml): how far away, and exactly, in UTC.</summary>
/// <param name="At">UTC; null: never.</param>
/// <param name="Now">UTC.</param>
/// <param name="Never">What to say when there is none.</param>
public sealed record Moment(DateTime? At, DateTime Now, string Never = "never")
{
    public string Exact => $"{At:yyyy-MM-dd'T'HH:mm:ss'Z'}";

    /// <summary>For the last use of something: the address; null: not known, or not asked for.</summary>
    public string? From { get; init; }

    /// <summary>And the cluster.</summary>
    public string? On { get; init; }

    public string ToTheSecond => string.Create(CultureInfo.InvariantCulture, $"{At:yyyy-MM-dd HH:mm:ss} UTC");

    public string Utc => string.Create(CultureInfo.InvariantCulture, $"{At:yyyy-MM-dd HH:mm} UTC");

    /// <summary>"in 6 days", "3 hours ago", "just now".</summary>
    public string Relative
    {
        get
        {
            var span = (At - Now).GetValueOrDefault();
            var ahead = span > TimeSpan.Zero;
            span = span.Duration();
            if (span < TimeSpan.FromMinutes(1))
                return ahead ? "in less than a minute" : "just now";
            var text = span < TimeSpan.FromHours(1.5) ? Count(span.TotalMinutes, "minute")
                : span < TimeSpan.FromDays(1.5) ? Count(span.TotalHours, "hour")
                : Count(span.TotalDays, "day");
            return ahead ? $"in {text}" : $"{text} ago";
        }
    }

    /// <summary>The nearest whole number: a key of 7 days, just made, ends "in 7 days".</summary>
    private static string Count(double number, string unit)
    {
        var whole = (int)Math.Round(number);
        return string.Create(CultureInfo.InvariantCulture, $"{whole} {unit}{(whole == 1 ? "" : "s")}");
    }
}
