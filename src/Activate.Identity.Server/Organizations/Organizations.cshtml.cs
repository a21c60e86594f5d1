using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;

namespace Activate.Identity.Server.Organizations;

/// <summary>All organizations, for operators of the server. With <c>?suspend=ID</c> the dialog that asks before one is suspended.</summary>
[Authorize]
public sealed class OrganizationsPage(OrganizationRegistry organizations, AuditTrail audit, TimeProvider clock) : PageModel
{
    public const string Path = "/operator/organizations";

    public Administration Access { get; private set; } = null!;

    public IReadOnlyList<OrganizationEntry> All { get; private set; } = [];

    /// <summary>The address of the next page of the list.</summary>
    public string? Next { get; private set; }

    public DeleteDialog? ToSuspend { get; private set; }

    /// <summary>What was done just now.</summary>
    public string? Done { get; private set; }

    public async Task<IActionResult> OnGetAsync(string? after, Guid? suspend, Guid? done, CancellationToken cancellationToken)
    {
        await ReadAsync(after, cancellationToken);
        if (!Access.Person.IsOperator)
            return Page();
        if (done is { } id && await audit.JustDoneAsync(Access.Person.ToActor(), id, [AuditTypes.OrganizationSuspended, AuditTypes.OrganizationResumed], cancellationToken) is { } what)
        {
            Done = what.Type == AuditTypes.OrganizationSuspended
                ? $"The organization {what.Detail} is suspended: nothing of it works, anywhere, within a second."
                : $"The organization {what.Detail} works again, with all that time has not ended meanwhile.";
        }

        if (suspend is not { } target)
            return Page();
        ToSuspend = All.Where(organization => organization.Id == target && !organization.Suspended && target != Access.Person.OrganizationId)
            .Select(organization => new DeleteDialog(target, "organization", organization.Name,
                "Nobody of it can sign in, and none of its keys, tokens, applications and SSH keys works until it is resumed. Nothing is deleted.", null, null, Path, "Suspend", "Suspend Organization") { Verb = "Suspend" })
            .FirstOrDefault();
        return ToSuspend is null ? Redirect(Path) : Page();
    }

    public Task<IActionResult> OnPostSuspendAsync(Guid id, CancellationToken cancellationToken) => ChangeAsync(id, true, cancellationToken);

    public Task<IActionResult> OnPostResumeAsync(Guid id, CancellationToken cancellationToken) => ChangeAsync(id, false, cancellationToken);

    private async Task<IActionResult> ChangeAsync(Guid id, bool suspended, CancellationToken cancellationToken)
    {
        await ReadAsync(null, cancellationToken);
        if (!Access.Person.IsOperator)
            return Page();
        if ((Access.Refusal ?? (await organizations.SuspendAsync(Access.Person.ToActor(), id, suspended, cancellationToken)).Problem) is not { } problem)
            return this.SeeOther($"{Path}?done={id}");
        this.Show(problem, "");
        return Page();
    }

    private async Task ReadAsync(string? after, CancellationToken cancellationToken)
    {
        Access = Administration.Of(HttpContext, clock);
        if (!Access.Person.IsOperator)
        {
            Response.StatusCode = StatusCodes.Status403Forbidden;
            return;
        }

        // A cursor that was tampered with: the beginning.
        if (!PageQuery.Parse(null, after).TryGet(out var page, out _))
            page = new PageQuery(50, null);
        var shown = page.Page(await organizations.ListAsync(page, cancellationToken), organization => organization.Id, organization => organization);
        All = shown.Items;
        Next = shown.Next is null ? null : $"{Path}?after={shown.Next}";
    }
}
