namespace Activate.Identity.Core.Expiration;

/// <summary>When credentials end, counted: at once, in each of the coming weeks, later, never.</summary>
/// <param name="now">From when the weeks count.</param>
public sealed class EndsByWeek(DateTime now)
{
    /// <summary>As far as one looks ahead: most maxima are shorter.</summary>
    public const int Weeks = 12;

    private readonly int[] _weeks = new int[Weeks];

    public int AtOnce { get; private set; }

    public int Later { get; private set; }

    public int Never { get; private set; }

    /// <summary>The first is the seven days from now.</summary>
    public IReadOnlyList<int> InWeek => _weeks;

    /// <summary>The largest of the counts.</summary>
    public int Most => Math.Max(Math.Max(AtOnce, Later), Math.Max(Never, _weeks.Max()));

    /// <param name="end">Null: never.</param>
    public void Add(DateTime? end)
    {
        if (end is not { } moment)
            Never++;
        else if (moment <= now)
            AtOnce++;
        else if ((moment - now).Ticks / (7 * TimeSpan.TicksPerDay) is var week and < Weeks)
            _weeks[week]++;
        else
            Later++;
    }
}
