using System.Globalization;
using System.Text;
using System.Text.Json;
using Activate.Identity.Core.Errors;
using Microsoft.Net.Http.Headers;

namespace Activate.Identity.Server.Web;

/// <summary>The types in which lists are exported.</summary>
public static class FileExport
{
    public const string Csv = "text/csv";
    public const string NdJson = "application/x-ndjson";

    /// <summary>A time in a cell; null: an empty one.</summary>
    public static string? Time(DateTime? time) => time?.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    public static readonly Problem FormatUnknown = Problems.Invalid("format", "format_unknown", "A format is 'json' (a page), 'csv' or 'ndjson' (everything).");

    /// <summary>The type that a request asks for, by <c>?format=</c> or else by Accept; null: a page of JSON. False: there is no such format.</summary>
    public static bool TryWanted(string? format, HttpRequest request, out string? type)
    {
        type = format switch { "csv" => Csv, "ndjson" => NdJson, "json" => null, _ => Wanted(request) };
        return format is null or "csv" or "ndjson" or "json";
    }

    /// <summary>The type that a request prefers among JSON, CSV and NDJSON; null: JSON.</summary>
    public static string? Wanted(HttpRequest request)
    {
        foreach (var accepted in request.GetTypedHeaders().Accept.OrderByDescending(accept => accept.Quality ?? 1).Where(accept => accept.Quality != 0))
        {
            foreach (var type in (string[])[Csv, NdJson])
            {
                if (accepted.MediaType.Equals(type, StringComparison.OrdinalIgnoreCase))
                    return type;
            }

            if (accepted.MatchesAllTypes || accepted.MediaType.StartsWith("application/", StringComparison.OrdinalIgnoreCase))
                return null;
        }

        return null;
    }
}

/// <summary>A list as a file, written as it is read: memory does not grow with the list.</summary>
public sealed class FileExport<T> : IResult
{
    private readonly string _type;
    private readonly string _name;
    private readonly string _columns;
    private readonly IAsyncEnumerable<T> _items;
    private readonly Func<T, string?[]> _cells;

    /// <param name="type"><see cref="FileExport.Csv"/> or <see cref="FileExport.NdJson"/>.</param>
    /// <param name="name">Of the file, without its ending.</param>
    /// <param name="columns">The first line of the CSV.</param>
    /// <param name="items">What is in it.</param>
    /// <param name="cells">An item as the CSV has it, in the order of the columns.</param>
    public FileExport(string type, string name, string columns, IAsyncEnumerable<T> items, Func<T, string?[]> cells) =>
        (_type, _name, _columns, _items, _cells) = (type, name, columns, items, cells);

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var csv = _type == FileExport.Csv;
        var response = httpContext.Response;
        response.ContentType = $"{_type}; charset=utf-8";
        response.Headers.CacheControl = "no-store";
        response.Headers[HeaderNames.ContentDisposition] = $"attachment; filename=\"{_name}.{(csv ? "csv" : "ndjson")}\"";
        await using var writer = new StreamWriter(response.Body, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false), bufferSize: 16 * 1024, leaveOpen: true) { NewLine = csv ? "\r\n" : "\n" };
        if (csv)
            await writer.WriteLineAsync(_columns.AsMemory(), httpContext.RequestAborted);
        await foreach (var item in _items.WithCancellation(httpContext.RequestAborted))
            await writer.WriteLineAsync((csv ? string.Join(',', _cells(item).Select(Cell)) : JsonSerializer.Serialize(item, ApiJson.Options)).AsMemory(), httpContext.RequestAborted);
    }

    /// <summary>RFC 4180; and text that a spreadsheet would run as a formula is marked as text, because people choose the names of their keys.</summary>
    private static string Cell(string? text)
    {
        if (string.IsNullOrEmpty(text))
            return "";
        if (text[0] is '=' or '+' or '-' or '@' or '\t' or '\r')
            text = $"'{text}";
        return text.AsSpan().IndexOfAny(",\"\r\n") < 0 ? text : $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
    }
}
