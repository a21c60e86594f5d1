using System.Text;
using Activate.Identity.Core.Errors;

namespace Activate.Identity.Core.Members;

/// <summary>One person of a file, as it was written: nothing is checked yet.</summary>
/// <param name="Line">The line of the file, counted from 1, on which the person begins.</param>
public sealed record PersonLine(int Line, string? Username, string? Email, string? Role, string? DisplayName);

/// <summary>
/// A list of people as CSV (RFC 4180), with a header that names its columns in any order:
/// <code>
/// username,email,role,displayName
/// grace,grace@example.org,member,"Hopper, Grace"
/// </code>
/// <c>username</c> and <c>email</c> must be there. A header that is not understood is refused as a whole: a column in the wrong place would make hundreds of wrong people.
/// </summary>
public static class PeopleFile
{
    /// <summary>More than any site has at once; a larger file is something else.</summary>
    public const int MostPeople = 20_000;

    private static readonly string[] s_columns = ["username", "email", "role", "displayName"];

    public static Result<IReadOnlyList<PersonLine>> Parse(string text)
    {
        var rows = Rows(text.TrimStart('\uFEFF'));
        if (rows is null)
            return Malformed("a quoted field is not closed, or something stands behind its closing quote");
        if (rows.Count == 0)
            return Malformed("it is empty");
        var header = rows[0].Fields.Select(field => field.Trim()).ToList();
        var places = s_columns.Select(column => header.FindIndex(name => string.Equals(name, column, StringComparison.OrdinalIgnoreCase))).ToArray();
        if (places[0] < 0 || places[1] < 0)
            return Malformed("its first line does not name the columns 'username' and 'email'");
        if (header.Find(name => !s_columns.Contains(name, StringComparer.OrdinalIgnoreCase)) is { } unknown)
            return Malformed(unknown.Length is 0 or > 40 ? "its first line names a column that is not known" : $"it has a column '{unknown}'");
        if (header.Distinct(StringComparer.OrdinalIgnoreCase).Count() != header.Count)
            return Malformed("a column stands there twice");
        if (rows.Count - 1 > MostPeople)
            return Malformed($"it has more than {MostPeople} people");
        var people = new List<PersonLine>();
        foreach (var (line, fields) in rows.Skip(1))
        {
            if (fields.Count != header.Count)
                return Malformed($"line {line} has {fields.Count} fields, and the first line {header.Count}");
            people.Add(new PersonLine(line, Field(0), Field(1), Field(2), Field(3)));

            string? Field(int column) => places[column] >= 0 && fields[places[column]].Trim() is { Length: > 0 } value ? value : null;
        }

        return people;
    }

    /// <summary>The rows that are not blank; null when a quote is out of place.</summary>
    private static List<(int Line, List<string> Fields)>? Rows(string text)
    {
        var rows = new List<(int, List<string>)>();
        var (fields, field, line, began, quoted, wasQuoted) = (new List<string>(), new StringBuilder(), 1, 1, false, false);
        for (var i = 0; i <= text.Length; i++)
        {
            var c = i < text.Length ? text[i] : '\n';
            if (quoted)
            {
                if (i == text.Length)
                    return null;
                if (c == '\n')
                    line++;
                if (c != '"')
                    field.Append(c);
                else if (i + 1 < text.Length && text[i + 1] == '"')
                    field.Append(text[++i]);
                else
                    quoted = false;
                continue;
            }

            switch (c)
            {
                case '"' when field.Length == 0 && !wasQuoted:
                    quoted = wasQuoted = true;
                    break;
                case ',' or '\n':
                    fields.Add(field.ToString());
                    field.Clear();
                    wasQuoted = false;
                    if (c == ',')
                        break;
                    if (fields.Count > 1 || fields[0].Trim().Length > 0)
                        rows.Add((began, fields));
                    fields = [];
                    began = ++line;
                    break;
                case '\r':
                    break;
                default:
                    if (wasQuoted)
                        return null;
                    field.Append(c);
                    break;
            }
        }

        return rows;
    }

    private static Problem Malformed(string what) => Problems.Invalid("people", "people_malformed",
        $"The list of people cannot be used: {what}. Its first line is 'username,email,role,displayName'; role and displayName may be left out.");
}
