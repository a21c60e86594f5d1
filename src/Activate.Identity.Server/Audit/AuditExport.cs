using System.Globalization;
using System.Text;
using System.Text.Json;
using Activate.Identity.Server.Web;
using Microsoft.Net.Http.Headers;

namespace Activate.Identity.Server.Audit;

/// <summary>A log as a file, written as it is read: memory does not grow with the log.</summary>
public sealed class AuditExport : IResult
{
    public const string Csv = "text/csv";
    public const string NdJson = "application/x-ndjson";

    private const string Columns = "id,at,type,outcome,actor,actorId,credentialId,subject,subjectId,owner,ownerId,clientId,address,name,detail,before,after";

    private readonly string _type;
    private readonly IAsyncEnumerable<AuditEntry> _entries;

    /// <param name="type"><see cref="Csv"/> or <see cref="NdJson"/>.</param>
    /// <param name="entries">What is in it.</param>
    public AuditExport(string type, IAsyncEnumerable<AuditEntry> entries) => (_type, _entries) = (type, entries);

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

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var response = httpContext.Response;
        response.ContentType = $"{_type}; charset=utf-8";
        response.Headers.CacheControl = "no-store";
        response.Headers[HeaderNames.ContentDisposition] = $"attachment; filename=\"audit-events.{(_type == Csv ? "csv" : "ndjson")}\"";
        await using var writer = new StreamWriter(response.Body, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false), bufferSize: 16 * 1024, leaveOpen: true) { NewLine = _type == Csv ? "\r\n" : "\n" };
        if (_type == Csv)
            await writer.WriteLineAsync(Columns.AsMemory(), httpContext.RequestAborted);
        await foreach (var entry in _entries.WithCancellation(httpContext.RequestAborted))
            await writer.WriteLineAsync((_type == Csv ? Line(entry) : JsonSerializer.Serialize(entry, ApiJson.Options)).AsMemory(), httpContext.RequestAborted);
    }

    private static string Line(AuditEntry entry) => string.Join(',', ((string?[])
    [
        entry.Id.ToString(), entry.At.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture), entry.Type, entry.Outcome,
        entry.Actor?.Username, entry.Actor?.Id.ToString(), entry.CredentialId?.ToString(), entry.Subject?.Username, entry.Subject?.Id.ToString(),
        entry.Owner?.Username, entry.Owner?.Id.ToString(), entry.ClientId, entry.Address, entry.Name, entry.Detail, entry.Before?.ToJsonString(), entry.After?.ToJsonString(),
    ]).Select(Cell));

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
