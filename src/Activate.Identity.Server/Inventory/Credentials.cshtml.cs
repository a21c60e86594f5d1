using System.Globalization;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Errors;
using Activate.Identity.Data;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Clusters;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Inventory;

/// <summary>
/// All credentials of the organization, for its administrators: every view is a plain address. With <c>?delete=ID</c> and <c>?end=all</c> the dialogs that ask before something ends,
/// with <c>?explain=ID</c> which rule decided an end.
/// </summary>
[Authorize]
public sealed class CredentialsPage(
    CredentialInventory inventory, CredentialEnder ender, EndExplainer explainer, EndingSoon ending, AuditTrail trail, ActivateDbContext database, TimeProvider clock)
    : PageModel
{
    public const string Path = "/organization/credentials";

    private const int Shown = 50;

    private static readonly string[] s_filters = ["kind", "state", "owner", "application", "lastUsedBefore"];
    private static readonly string[] s_endings = [AuditTypes.ApiKeyDeleted, AuditTypes.TokenDeleted, AuditTypes.SessionEnded, AuditTypes.SshKeyDeleted];

    private Dictionary<string, string> _applications = [];
    private Dictionary<string, string> _clusters = [];
    private InventoryCursor? _after;

    public Administration Access { get; private set; } = null!;

    /// <summary>What the form says.</summary>
    public FilterValues Values { get; private set; } = FilterValues.None;

    public bool IsFiltered => Values.Any;

    /// <summary>A state is for looking: what is ended is what lives.</summary>
    public bool MayEndAll => IsFiltered && Values["state"] is null && Rows.Count > 0;

    public IReadOnlyList<InventoryRow> Rows { get; private set; } = [];

    /// <summary>On the first page of everything; null on others.</summary>
    public EndingList? Ending { get; private set; }

    public string? First => _after is null ? null : Link();

    public string? Next { get; private set; }

    public DeleteDialog? ToDelete { get; private set; }

    public EndedMany? ToEnd { get; private set; }

    /// <summary>Clusters whose keys are among these: nobody could log in there any more.</summary>
    public IReadOnlyList<string> ClustersToEnd { get; private set; } = [];

    public Deleted? Deleted { get; private set; }

    /// <summary>What was ended of many, in words.</summary>
    public string? Ended { get; private set; }

    public (InventoryRow Row, ExplainedEnd End)? Explained { get; private set; }

    public IEnumerable<Field> Fields => FieldsOf(Values);

    internal static IEnumerable<Field> FieldsOf(FilterValues values) =>
    [
        new("owner", "Owner", values["owner"], Hint: "A username or an id."),
        new("application", "Application", values["application"], Hint: "The client ID of an application, for its sign-ins."),
        new("lastUsedBefore", "Not used since", values["lastUsedBefore"], Hint: "2026-08-24: neither used nor made since that day."),
    ];

    public async Task<IActionResult> OnGetAsync(string? after, Guid? delete, Guid? deleted, Guid? explain, string? end, CancellationToken cancellationToken)
    {
        if (Read(name => Request.Query[name].FirstOrDefault()) is not { } query)
            return Page();
        if (after is not null)
        {
            if (!InventoryCursor.Parse(after).TryGet(out var cursor, out _))
                return Redirect(Link());
            _after = cursor;
        }

        await ShowAsync(query, cancellationToken);
        var organization = Access.Person.OrganizationId;
        if (deleted is { } gone && await trail.JustDoneAsync(Access.Person.ToActor(), gone, s_endings, cancellationToken) is { } done)
            Deleted = new Deleted(Noun(done.Type), done.Words?.Text ?? "", "It works nowhere any more.") { Verb = "ended" };
        if (explain is { } id && await inventory.FindAsync(organization, id, cancellationToken) is { } asked)
            Explained = (asked, await explainer.ExplainAsync(organization, asked, cancellationToken));
        if (end == "all" && MayEndAll)
        {
            if ((await ender.EndManyAsync(Access.Person.ToActor(), query, dryRun: true, cancellationToken)).TryGet(out var many, out var problem))
                (ToEnd, ClustersToEnd) = (many, await ClustersOfAsync(query, cancellationToken));
            else
                this.Show(problem, "");
        }

        if (delete is not { } target)
            return Page();
        // Ended meanwhile, or somebody else's: there is nothing to ask.
        if (await inventory.FindAsync(organization, target, cancellationToken) is not { } row)
            return Redirect(Path);
        var consequence = Cluster(row) is { } cluster
            ? $"It is the key of the cluster {cluster}. Without it nobody logs in there through this server, until the cluster has a new one."
            : $"It is {row.Owner}’s. {Consequence(row.Kind)}";
        ToDelete = new DeleteDialog(target, row.Kind.Noun(), row.Name, $"{consequence} It cannot be undone.", row.LastUse(Access.Now) with { From = null, On = null }, row.LastUsedFrom, Path,
            "Delete", $"End {CredentialNamesInTitles(row.Kind)}") { Verb = "End" };
        return Page();
    }

    public async Task<IActionResult> OnGetExportAsync(string? format, CancellationToken cancellationToken)
    {
        if (Read(name => Request.Query[name].FirstOrDefault()) is not { } query)
            return Page();
        var type = format == "csv" ? FileExport.Csv : FileExport.NdJson;
        trail.Add(AuditTypes.CredentialsExported, Access.Person.ToActor(), Access.Person.OrganizationId, detail: type);
        await database.SaveChangesAsync(cancellationToken);
        await InventoryExport.Of(type, inventory.ReadAllAsync(Access.Person.OrganizationId, query, null, cancellationToken), Access.Now).ExecuteAsync(HttpContext);
        return new EmptyResult();
    }

    public async Task<IActionResult> OnPostDeleteAsync(Guid id, CancellationToken cancellationToken)
    {
        if (Read(_ => null) is not { } query)
            return Page();
        var problem = Access.Refusal;
        if (problem is null && await inventory.FindAsync(Access.Person.OrganizationId, id, cancellationToken) is { } row)
            problem = await ender.EndAsync(Access.Person.ToActor(), row.Kind, id, cancellationToken);
        // Ending what is gone already is done, too.
        if (problem is null || problem == Problems.NotFound)
            return this.SeeOther($"{Path}?deleted={id}");
        await ShowAsync(query, cancellationToken);
        this.Show(problem, "");
        return Page();
    }

    public async Task<IActionResult> OnPostEndAllAsync(CancellationToken cancellationToken)
    {
        var form = await Request.ReadFormAsync(cancellationToken);
        if (Read(name => form[name].FirstOrDefault()) is not { } query)
            return Page();
        Problem? problem;
        if (Access.Refusal is { } refusal)
            problem = refusal;
        else if ((await ender.EndManyAsync(Access.Person.ToActor(), query, dryRun: false, cancellationToken)).TryGet(out var ended, out problem))
            Ended = $"{(ended.Total == 0 ? "Nothing" : Sum(ended))} ended.{(ended.More ? " There are more: end all of these again." : "")}";
        await ShowAsync(query, cancellationToken);
        if (problem is not null)
            this.Show(problem, "");
        return Page();
    }

    /// <summary>The address of this view, with more or other parameters.</summary>
    public string Link(params IEnumerable<(string Name, string Value)> more) => Values.Link(Path, more);

    /// <summary>The cluster whose account has it; null: none has.</summary>
    public string? Cluster(InventoryRow row) => _clusters.GetValueOrDefault(row.Owner);

    public string Application(string clientId) => _applications.GetValueOrDefault(clientId, clientId);

    public static string Plural(CredentialKind kind) => $"{char.ToUpperInvariant(kind.Noun()[0])}{kind.Noun()[1..]}s";

    /// <summary>"3 API keys and 1 session".</summary>
    public static string Sum(EndedMany many) => many.Total == 0 ? "Nothing that lives" : string.Join(", ", many.Counts.Where(count => count.Value > 0).Select(count => Texts.Count(count.Value, count.Key.Noun())));

    private static string CredentialNamesInTitles(CredentialKind kind) => kind switch
    {
        CredentialKind.ApiKey => "API Key",
        CredentialKind.Token => "Token",
        CredentialKind.Session => "Session",
        CredentialKind.SshKey => "SSH Key",
    };

    private static string Consequence(CredentialKind kind) => kind switch
    {
        CredentialKind.ApiKey => "Every script and tool that uses it is refused from that moment on.",
        CredentialKind.Token => "Whatever uses it is refused from that moment on.",
        CredentialKind.Session => "Whoever uses it is signed out at once.",
        CredentialKind.SshKey => "No cluster lets anybody in with it from the next login on.",
    };

    private static string Noun(string type) => type switch
    {
        AuditTypes.ApiKeyDeleted => CredentialKind.ApiKey.Noun(),
        AuditTypes.TokenDeleted => CredentialKind.Token.Noun(),
        AuditTypes.SessionEnded => CredentialKind.Session.Noun(),
        _ => CredentialKind.SshKey.Noun(),
    };

    /// <summary>What is asked for; null: it is refused, and the page says why.</summary>
    private InventoryQuery? Read(Func<string, string?> value)
    {
        Access = Administration.Of(HttpContext, clock);
        Values = FilterValues.Of(s_filters, value);
        if (!Access.IsAdmin)
        {
            Response.StatusCode = StatusCodes.Status403Forbidden;
            return null;
        }

        if (InventoryQuery.Parse(Values["kind"], Values["owner"], Values["application"], Values["state"], Values["lastUsedBefore"]).TryGet(out var query, out var problem))
            return query;
        this.Show(problem, problem.Field);
        return null;
    }

    private async Task<IReadOnlyList<string>> ClustersOfAsync(InventoryQuery query, CancellationToken cancellationToken)
    {
        if (_clusters.Count == 0 || await inventory.OfAsync(Access.Person.OrganizationId, query, CredentialKind.ApiKey, cancellationToken) is not { } keys)
            return [];
        var (accounts, now) = (_clusters.Keys.ToList(), Access.Now);
        var owners = await keys.Where(key => accounts.Contains(key.Owner) && (key.ExpiresAt == null || key.ExpiresAt > now)).Select(key => key.Owner).Distinct().ToListAsync(cancellationToken);
        return [.. owners.Select(owner => _clusters[owner]).Order(StringComparer.OrdinalIgnoreCase)];
    }

    private async Task ShowAsync(InventoryQuery query, CancellationToken cancellationToken)
    {
        var organization = Access.Person.OrganizationId;
        var rows = await inventory.ReadAsync(organization, query, _after, Shown + 1, cancellationToken);
        Rows = [.. rows.Take(Shown)];
        if (rows.Count > Shown)
            Next = Link(("after", Rows[^1].Cursor.ToString()));
        if (query.IsEmpty && _after is null)
            Ending = await ending.OfOrganizationAsync(Access.Person, cancellationToken);
        _clusters = await database.ClusterAccountsAsync(organization, cancellationToken);
        var clients = Rows.Select(row => row.ClientId).OfType<string>().Distinct().ToList();
        _applications = await database.Applications.AsNoTracking().Where(a => clients.Contains(a.ClientId!)).ToDictionaryAsync(a => a.ClientId!, a => a.DisplayName ?? a.ClientId!, cancellationToken);
    }
}
