using Activate.Identity.Core.Errors;

namespace Activate.Identity.Core.Credentials;

/// <summary>How long an old secret works beside the new one, of a key, a cluster or an application.</summary>
public static class SecretOverlap
{
    public const int UsualHours = 24;
    public const int LongestHours = 168;

    /// <param name="hours">As asked for; null: the usual.</param>
    public static Result<int> Parse(int? hours) => (hours ?? UsualHours) is var overlap and >= 0 and <= LongestHours
        ? overlap
        : Problems.Invalid("overlapHours", "overlap_invalid", $"The overlap is a whole number of hours from 0 to {LongestHours}.");
}
