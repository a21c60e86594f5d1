namespace Activate.Identity.Server.Web;

/// <summary>
/// How many rows of a large piece of work one transaction has, so that others wait for it for a moment only: more while it is quick, fewer when it is not, because the disk is slow or others write, too
/// (the wait for its turn counts as well). Where there is one writer for all, all others wait, and the moment is shorter.
/// </summary>
internal sealed class BatchSize(bool oneWriter)
{
    public const int Most = 500;

    private readonly int _least = oneWriter ? 20 : 50;
    private readonly TimeSpan _moment = TimeSpan.FromMilliseconds(oneWriter ? 8 : 20);

    public int Rows { get; private set; } = oneWriter ? 20 : 50;

    /// <param name="time">Of the last transaction, from the question for its turn to its commit.</param>
    public void Took(TimeSpan time) => Rows = time > _moment ? Math.Max(Rows / 2, _least) : time < _moment / 2 ? Math.Min(Rows * 2, Most) : Rows;
}
