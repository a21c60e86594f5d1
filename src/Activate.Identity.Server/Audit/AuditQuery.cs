using System.Globalization;
using System.Net;
using Activate.Identity.Core.Errors;
using Activate.Identity.Data.Audit;

namespace Activate.Identity.Server.Audit;

/// <summary>Which events of a log: what REST, page and command line ask for, as they write it.</summary>
public sealed record AuditQuery
{
    private const int LongestClient = 100;

    /// <summary>None: all.</summary>
    public IReadOnlyList<string> Types { get; private init; } = [];
    /// <summary>A username or an id.</summary>
    public string? Actor { get; private init; }
    /// <summary>A username or an id: what it was done to, or whose that is.</summary>
    public string? Subject { get; private init; }
    public bool? Succeeded { get; private init; }
    /// <summary>Inclusive.</summary>
    public DateTime? From { get; private init; }
    /// <summary>Exclusive.</summary>
    public DateTime? To { get; private init; }
    public string? Client { get; private init; }
    public string? Address { get; private init; }

    /// <summary>The events of some types.</summary>
    public static AuditQuery Of(params string[] types) => new() { Types = types };

    /// <summary>Empty is absent, as forms send it.</summary>
    /// <param name="types">Of <see cref="AuditTypes"/>.</param>
    /// <param name="actor">A username or an id.</param>
    /// <param name="subject">A username or an id.</param>
    /// <param name="outcome"><c>done</c> or <c>refused</c>.</param>
    /// <param name="from">RFC 3339, or a day in UTC.</param>
    /// <param name="to">RFC 3339 (up to then), or a day in UTC (with it).</param>
    /// <param name="client">A client id.</param>
    /// <param name="address">An IP address.</param>
    public static Result<AuditQuery> Parse(IEnumerable<string?>? types, string? actor, string? subject, string? outcome, string? from, string? to, string? client, string? address)
    {
        var wanted = (types ?? []).Where(type => !string.IsNullOrEmpty(type)).Select(type => type!).Distinct().ToList();
        if (wanted.FirstOrDefault(type => !AuditTypes.All.Contains(type)) is not null)
            return Problems.Invalid("type", "type_unknown", "There is no event of that type. docs/audit.md and the page of the audit log list them, such as 'api_key.created'.");
        if (!string.IsNullOrEmpty(outcome) && outcome is not (AuditEntry.Done or AuditEntry.Refused))
            return Problems.Invalid("outcome", "outcome_invalid", $"The outcome is '{AuditEntry.Done}' or '{AuditEntry.Refused}'.");
        if (!TryTime(from, endOfDay: false, out var since))
            return TimeInvalid("from");
        if (!TryTime(to, endOfDay: true, out var until))
            return TimeInvalid("to");
        if (!MayBeClient(client))
            return Problems.Invalid("client", "client_invalid", "The client is the client id of an application, such as 'activate-cli'.");
        IPAddress? place = null;
        if (!string.IsNullOrEmpty(address) && !IPAddress.TryParse(address, out place))
            return Problems.Invalid("address", "address_invalid", "The address is an IP address, such as 192.0.2.7.");
        return new AuditQuery
        {
            Types = wanted,
            Actor = Some(actor),
            Subject = Some(subject),
            Succeeded = string.IsNullOrEmpty(outcome) ? null : outcome == AuditEntry.Done,
            From = since,
            To = until,
            Client = Some(client),
            Address = place?.ToString(),
        };
    }

    /// <summary>What cannot be the id of an application, or nothing, is not sent to the database.</summary>
    internal static bool MayBeClient(string? text) => !(text?.Length > LongestClient) && text?.Any(c => c is < ' ' or > '~') != true;

    internal static string? Some(string? text) => string.IsNullOrWhiteSpace(text) ? null : text.Trim();

    /// <summary>RFC 3339, or a day in UTC. Empty is absent.</summary>
    internal static bool TryTime(string? text, bool endOfDay, out DateTime? time)
    {
        time = null;
        if (string.IsNullOrEmpty(text))
            return true;
        const DateTimeStyles Utc = DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal;
        if (DateTime.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, Utc, out var day))
        {
            time = endOfDay && day < DateTime.MaxValue.Date ? day.AddDays(1) : day;
            return true;
        }

        // A '+' that nobody encoded arrives as a space.
        if (!DateTimeOffset.TryParseExact(text.Replace(' ', '+'), ["yyyy-MM-dd'T'HH:mm:ss.FFFFFFFK", "yyyy-MM-dd'T'HH:mmK"], CultureInfo.InvariantCulture, Utc, out var exact))
            return false;
        time = exact.UtcDateTime;
        return true;
    }

    internal static Problem TimeInvalid(string field) =>
        Problems.Invalid(field, "time_invalid", $"'{field}' is a time such as 2026-11-24T08:00:00Z, or a day such as 2026-11-24, in UTC.");
}
