using Activate.Identity.Core.Errors;
using Activate.Identity.Data;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;

namespace Activate.Identity.Server.Inventory;

/// <summary>What people of the organization allowed applications, for its administrators. With <c>?delete=ID</c> the dialog that asks before one ends.</summary>
[Authorize]
public sealed class ConsentsPage(ConsentInventory inventory, AuditTrail trail, ActivateDbContext database, TimeProvider clock) : PageModel
{
    public const string Path = "/organization/consents";

    private const int Shown = 50;

    private static readonly string[] s_filters = ["owner", "application", "lastUsedBefore"];

    private ConsentCursor? _after;

    public Administration Access { get; private set; } = null!;

    /// <summary>What the form says.</summary>
    public FilterValues Values { get; private set; } = FilterValues.None;

    public bool IsFiltered => Values.Any;

    public IReadOnlyList<ConsentRow> Rows { get; private set; } = [];

    public string? First => _after is null ? null : Link();

    public string? Next { get; private set; }

    public DeleteDialog? ToDelete { get; private set; }

    public Deleted? Deleted { get; private set; }

    public IEnumerable<Field> Fields => CredentialsPage.FieldsOf(Values);

    public async Task<IActionResult> OnGetAsync(string? after, Guid? delete, Guid? deleted, CancellationToken cancellationToken)
    {
        if (Read() is not { } query)
            return Page();
        if (after is not null)
        {
            if (!ConsentCursor.Parse(after).TryGet(out var cursor, out _))
                return Redirect(Link());
            _after = cursor;
        }

        await ShowAsync(query, cancellationToken);
        if (deleted is { } application && await trail.JustDoneAsync(Access.Person.ToActor(), application, [AuditTypes.ApplicationEnded], cancellationToken) is { Detail: { } name })
            Deleted = new Deleted("consent to", name.Trim('“', '”'), "All that the application had of this person has ended, and it must ask again.") { Verb = "ended" };
        if (delete is not { } target)
            return Page();
        // Taken back meanwhile, or somebody else's: there is nothing to ask.
        if (await inventory.FindAsync(Access.Person.OrganizationId, target, cancellationToken) is not { } row)
            return Redirect(Path);
        ToDelete = new DeleteDialog(target, "consent to", row.Application, $"It is {row.Owner}’s. All that the application has of {row.Owner} ends at once, and it must ask again.",
            new Moment(row.LastUsedAt, Access.Now), row.LastUsedFrom, Path, "Delete", "End Consent") { Verb = "End" };
        return Page();
    }

    public async Task<IActionResult> OnGetExportAsync(string? format, CancellationToken cancellationToken)
    {
        if (Read() is not { } query)
            return Page();
        var type = format == "csv" ? FileExport.Csv : FileExport.NdJson;
        trail.Add(AuditTypes.CredentialsExported, Access.Person.ToActor(), Access.Person.OrganizationId, detail: type);
        await database.SaveChangesAsync(cancellationToken);
        await ConsentExport.Of(type, inventory.ReadAllAsync(Access.Person.OrganizationId, query, null, cancellationToken)).ExecuteAsync(HttpContext);
        return new EmptyResult();
    }

    public async Task<IActionResult> OnPostDeleteAsync(Guid id, CancellationToken cancellationToken)
    {
        if (Read() is not { } query)
            return Page();
        var row = await inventory.FindAsync(Access.Person.OrganizationId, id, cancellationToken);
        // Taking back what is taken back already is done, too.
        if ((Access.Refusal ?? (row is null ? null : await inventory.EndAsync(Access.Person.ToActor(), id, cancellationToken))) is not { } problem || problem == Problems.NotFound)
            return this.SeeOther(row is null ? Path : $"{Path}?deleted={row.ApplicationId}");
        await ShowAsync(query, cancellationToken);
        this.Show(problem, "");
        return Page();
    }

    /// <summary>The address of this view, with more or other parameters.</summary>
    public string Link(params IEnumerable<(string Name, string Value)> more) => Values.Link(Path, more);

    /// <summary>What is asked for; null: it is refused, and the page says why.</summary>
    private InventoryQuery? Read()
    {
        Access = Administration.Of(HttpContext, clock);
        Values = FilterValues.Of(s_filters, name => HttpMethods.IsGet(Request.Method) ? Request.Query[name].FirstOrDefault() : null);
        if (!Access.IsAdmin)
        {
            Response.StatusCode = StatusCodes.Status403Forbidden;
            return null;
        }

        if (InventoryQuery.Parse(null, Values["owner"], Values["application"], null, Values["lastUsedBefore"]).TryGet(out var query, out var problem))
            return query;
        this.Show(problem, problem.Field);
        return null;
    }

    private async Task ShowAsync(InventoryQuery query, CancellationToken cancellationToken)
    {
        var rows = await inventory.ReadAsync(Access.Person.OrganizationId, query, _after, Shown + 1, cancellationToken);
        Rows = [.. rows.Take(Shown)];
        if (rows.Count > Shown)
            Next = Link(("after", Rows[^1].Cursor.ToString()));
    }
}
