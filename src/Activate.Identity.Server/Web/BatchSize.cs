namespace Activate.Identity.Server.Web;

/// <summary>
/// How many rows of a large piece of work one transaction has, so that others wait for it for a moment only: more while it is quick, fewer when it is not, because the disk is slow or others write, too
/// (the wait for its turn counts as well).
/// </summary>
internal sealed class BatchSize
{
    public const int Most = 500;

    private const int Least = 50;

    private static readonly TimeSpan s_moment = TimeSpan.FromMilliseconds(20);

    public int Rows { get; private set; } = Least;

    /// <param name="time">Of the last transaction, from the question for its turn to its commit.</param>
    public void Took(TimeSpan time) => Rows = time > s_moment ? Math.Max(Rows / 2, Least) : time < s_moment / 2 ? Math.Min(Rows * 2, Most) : Rows;
}
