using Activate.Identity.Core.Errors;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;

namespace Activate.Identity.Server.Clusters;

/// <summary>The clusters of the organization; administrators add, change and delete them. With <c>?delete=ID</c> the dialog that asks before one is deleted.</summary>
[Authorize]
public sealed class ClustersPage(ClusterRegistry registry, AuditTrail audit, TimeProvider clock) : PageModel
{
    public const string Path = "/organization/clusters";

    internal static readonly Problem AdminRequired = new(ProblemKind.Refused, "insufficient_role", "Only administrators of your organization add, change and delete clusters.");

    public Administration Access { get; private set; } = null!;

    public IReadOnlyList<ShownCluster> Clusters { get; private set; } = [];

    /// <summary>The address of the next page of the list.</summary>
    public string? Next { get; private set; }

    public DeleteDialog? ToDelete { get; private set; }

    public bool Deleted { get; private set; }

    public async Task<IActionResult> OnGetAsync(string? after, Guid? delete, Guid? deleted, CancellationToken cancellationToken)
    {
        await ReadAsync(after, cancellationToken);
        Deleted = deleted is { } gone && await audit.JustDoneAsync(Access.Person.ToActor(), gone, [AuditTypes.ClusterDeleted], cancellationToken) is not null;
        if (delete is not { } id)
            return Page();
        if (!Access.IsAdmin || await registry.FindAsync(Access.Person.OrganizationId, id, cancellationToken) is not { } shown)
            return Redirect(Path);
        ToDelete = new DeleteDialog(id, "cluster", shown.Cluster.Name,
            $"Its key ends at once, and nobody logs in to {shown.Cluster.Address} through this server any more. It cannot be undone.", null, null, Path, "Delete", "Delete Cluster");
        return Page();
    }

    public async Task<IActionResult> OnPostDeleteAsync(Guid id, CancellationToken cancellationToken)
    {
        await ReadAsync(null, cancellationToken);
        if ((!Access.IsAdmin ? AdminRequired : Access.Refusal ?? await registry.DeleteAsync(Access.Person.ToActor(), id, cancellationToken)) is not { } problem || problem == Problems.NotFound)
            return this.SeeOther($"{Path}?deleted={id}");
        this.Show(problem, "");
        return Page();
    }

    private async Task ReadAsync(string? after, CancellationToken cancellationToken)
    {
        Access = Administration.Of(HttpContext, clock);
        // A cursor that was tampered with: the beginning.
        if (!PageQuery.Parse(null, after).TryGet(out var page, out _))
            page = new PageQuery(50, null);
        var shown = page.Page(await registry.ListAsync(Access.Person.OrganizationId, page, cancellationToken), cluster => cluster.Cluster.Id, cluster => cluster);
        Clusters = shown.Items;
        Next = shown.Next is null ? null : $"{Path}?after={shown.Next}";
    }
}
