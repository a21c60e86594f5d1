using System.Globalization;
using Activate.Identity.Core.Expiration;

namespace Activate.Identity.Server.Organizations;

/// <summary>When credentials end over the coming weeks, before and after a change of the policy (Organizations/PolicyPicture.cshtml).</summary>
public sealed record PolicyPicture(DateTime Now, EndsByWeek Before, EndsByWeek After)
{
    /// <summary>One line of the picture.</summary>
    /// <param name="When">In words.</param>
    /// <param name="Before">Credentials, as things are.</param>
    /// <param name="After">Credentials, with the policy of the preview.</param>
    public sealed record Line(string When, int Before, int After);

    public bool IsEmpty => Before.Most == 0;

    public IEnumerable<Line> Lines =>
    [
        new("At once", Before.AtOnce, After.AtOnce),
        .. Enumerable.Range(0, EndsByWeek.Weeks).Select(week => new Line(Days(week), Before.InWeek[week], After.InWeek[week])),
        new("Later", Before.Later, After.Later),
        new("Never", Before.Never, After.Never),
    ];

    /// <summary>The bar's length in percent: the longest is 100, and what is not nothing can be seen.</summary>
    public string Length(int count) =>
        count == 0 ? "0" : Math.Max(1, 100.0 * count / Math.Max(Before.Most, After.Most)).ToString("0.#", CultureInfo.InvariantCulture) + "%";

    private string Days(int week) => string.Create(CultureInfo.InvariantCulture, $"{Now.AddDays(7 * week):d MMM} – {Now.AddDays((7 * week) + 6):d MMM}");
}
