using System.Text.Encodings.Web;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Data;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Accounts;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;

namespace Activate.Identity.Server.Audit;

/// <summary>The audit log for administrators: filters, pages and files. Every view is a plain address, to be kept or passed on to a colleague.</summary>
[Authorize]
public sealed class AuditPage(AuditLog log, AuditTrail trail, ActivateDbContext database, TimeProvider clock) : PageModel
{
    public const string Path = "/organization/audit";

    private const int Shown = 50;

    private static readonly string[] s_filters = ["type", "outcome", "actor", "subject", "from", "to", "client", "address"];

    private AuditCursor? _after;

    public DateTime Now { get; } = clock.Now();

    public SignedIn Person { get; private set; } = null!;

    public bool MaySee => Person.Role >= Role.Admin;

    /// <summary>The events of no organization, for operators.</summary>
    public bool Server { get; private set; }

    /// <summary>What the form says.</summary>
    public IReadOnlyDictionary<string, string?> Values { get; private set; } = new Dictionary<string, string?>();

    public bool IsFiltered => Values.Values.Any(value => value is not null);

    public IReadOnlyList<AuditEntry> Entries { get; private set; } = [];

    public string? First => _after is null ? null : Link();

    public string? Next { get; private set; }

    public IEnumerable<Field> Fields =>
    [
        new("actor", "Who", Values["actor"], Hint: "A username or an id."),
        new("subject", "To what, whose", Values["subject"], Hint: "A username or an id."),
        new("from", "From", Values["from"], Hint: "2026-11-24, or 2026-11-24T08:00:00Z."),
        new("to", "To", Values["to"], Hint: "A day counts as a whole, in UTC."),
        new("client", "Client ID", Values["client"]),
        new("address", "Address", Values["address"]),
    ];

    public async Task<IActionResult> OnGetAsync(string? after, CancellationToken cancellationToken)
    {
        if (Read() is not { } query)
            return Page();
        if (after is not null)
        {
            if (!AuditCursor.Parse(after).TryGet(out var cursor, out _))
                return Redirect(Link());
            _after = cursor;
        }

        var entries = await log.ReadAsync(Server ? null : Person.OrganizationId, query, _after, Shown + 1, cancellationToken);
        Entries = [.. entries.Take(Shown)];
        if (entries.Count > Shown)
            Next = Link(("after", Entries[^1].Cursor.ToString()));
        return Page();
    }

    public async Task<IActionResult> OnGetExportAsync(string? format, CancellationToken cancellationToken)
    {
        if (Read() is not { } query)
            return Page();
        var type = format == "csv" ? FileExport.Csv : FileExport.NdJson;
        trail.Add(AuditTypes.AuditExported, Person.ToActor(), Person.OrganizationId, detail: type);
        await database.SaveChangesAsync(cancellationToken);
        await AuditExport.Of(type, log.ReadAllAsync(Server ? null : Person.OrganizationId, query, null, cancellationToken)).ExecuteAsync(HttpContext);
        return new EmptyResult();
    }

    /// <summary>The address of this view, with more or other parameters.</summary>
    public string Link(params IEnumerable<(string Name, string Value)> more)
    {
        var all = Values.Where(pair => pair.Value is not null).Select(pair => (Name: pair.Key, Value: pair.Value!)).Concat(Server ? [("server", "true")] : []).Concat(more)
            .Select(pair => $"{pair.Name}={UrlEncoder.Default.Encode(pair.Value)}").ToList();
        return all.Count == 0 ? Path : $"{Path}?{string.Join('&', all)}";
    }

    /// <summary>"api_key.created" as people read it: "API key created".</summary>
    public static string Words(string type)
    {
        var words = type.Replace('.', ' ').Replace('_', ' ').Replace("api key", "API key", StringComparison.Ordinal).Replace("ssh key", "SSH key", StringComparison.Ordinal);
        return char.ToUpperInvariant(words[0]) + words[1..];
    }

    public static string Who(AuditParty? party) => party switch
    {
        null => "–",
        { Username: { } username } => username,
        { Deleted: true } => $"somebody who was deleted ({party.Id})",
        _ => party.Id.ToString(),
    };

    /// <summary>What is asked for; null: it is refused, and the page says why.</summary>
    private AuditQuery? Read()
    {
        Person = SignedIn.Required(HttpContext);
        var given = Request.Query;
        Values = s_filters.ToDictionary(name => name, name => given[name].FirstOrDefault(value => !string.IsNullOrWhiteSpace(value))?.Trim());
        Server = Person.IsOperator && given["server"] == "true";
        if (!MaySee)
        {
            Response.StatusCode = StatusCodes.Status403Forbidden;
            return null;
        }

        if (AuditQuery.Parse([Values["type"]], Values["actor"], Values["subject"], Values["outcome"], Values["from"], Values["to"], Values["client"], Values["address"]).TryGet(out var query, out var problem))
            return query;
        this.Show(problem, problem.Field);
        return null;
    }
}
