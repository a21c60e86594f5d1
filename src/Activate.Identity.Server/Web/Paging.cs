using System.Buffers;
using System.Buffers.Text;
using Activate.Identity.Core.Errors;

namespace Activate.Identity.Server.Web;

/// <summary>One page of a list: the items, and the cursor of the next page or null.</summary>
public sealed record PageOf<T>(IReadOnlyList<T> Items, string? Next);

/// <summary><c>?limit=</c> (1 to 200, 50 when absent) and <c>?after=</c>, the opaque cursor: the id of the last item seen.</summary>
public sealed record PageQuery(int Limit, Guid? After)
{
    private const int Largest = 200;
    private const int Usual = 50;

    public static Result<PageQuery> Parse(string? limit, string? after)
    {
        var size = Usual;
        if (limit is not null && (!int.TryParse(limit, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out size) || size is < 1 or > Largest))
            return Problems.Invalid("limit", "limit_invalid", $"'limit' is a whole number from 1 to {Largest}.");
        if (after is null)
            return new PageQuery(size, null);
        Span<byte> id = stackalloc byte[16];
        // Not IsValid and TryDecode: they differ about white space, and then one throws.
        if (after.Length != 22 || Base64Url.DecodeFromChars(after, id, out var read, out var written) != OperationStatus.Done || read != 22 || written != 16)
            return Problems.Invalid("after", "cursor_invalid", "'after' is the 'next' of the page before, unchanged.");
        return new PageQuery(size, new Guid(id));
    }

    /// <summary>Cuts a list that was read with one item more than the limit.</summary>
    public PageOf<TBody> Page<TRow, TBody>(IReadOnlyList<TRow> rows, Func<TRow, Guid> id, Func<TRow, TBody> body) => new(
        [.. rows.Take(Limit).Select(body)],
        rows.Count > Limit ? Base64Url.EncodeToString(id(rows[Limit - 1]).ToByteArray()) : null);
}
