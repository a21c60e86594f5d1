using System.Text.Encodings.Web;

namespace Activate.Identity.Server.Inventory;

/// <summary>What the filter form of a list says: every view of the list is a plain address with these parameters.</summary>
public sealed class FilterValues
{
    public static readonly FilterValues None = new([]);

    private readonly IReadOnlyList<(string Name, string? Value)> _values;

    private FilterValues(IReadOnlyList<(string Name, string? Value)> values) => _values = values;

    /// <param name="names">The parameters of the filter.</param>
    /// <param name="value">What the request says of one; white space counts as nothing.</param>
    public static FilterValues Of(IEnumerable<string> names, Func<string, string?> value) =>
        new([.. names.Select(name => (name, value(name) is { } text && !string.IsNullOrWhiteSpace(text) ? text.Trim() : null))]);

    /// <summary>Null: not filtered by this.</summary>
    public string? this[string name] => _values.First(pair => pair.Name == name).Value;

    public bool Any => Given.Any();

    public IEnumerable<(string Name, string Value)> Given => _values.Where(pair => pair.Value is not null).Select(pair => (pair.Name, pair.Value!));

    /// <summary>The address of this view of a list, with more parameters.</summary>
    public string Link(string path, IEnumerable<(string Name, string Value)> more)
    {
        var all = Given.Concat(more).Select(pair => $"{pair.Name}={UrlEncoder.Default.Encode(pair.Value)}").ToList();
        return all.Count == 0 ? path : $"{path}?{string.Join('&', all)}";
    }
}
