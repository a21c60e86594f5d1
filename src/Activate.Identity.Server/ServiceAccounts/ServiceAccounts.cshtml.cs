using Activate.Identity.Core.Errors;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;

namespace Activate.Identity.Server.ServiceAccounts;

/// <summary>The service accounts of the organization, for its administrators; keepers see theirs. With <c>?delete=ID</c> the dialog that asks before one is deleted.</summary>
[Authorize]
public sealed class ServiceAccountsPage(ServiceAccountRegistry registry, AuditTrail audit, TimeProvider clock) : PageModel
{
    public const string Path = "/organization/service-accounts";

    public Administration Access { get; private set; } = null!;

    public IReadOnlyList<KeptAccount> Accounts { get; private set; } = [];

    /// <summary>The address of the next page of the list.</summary>
    public string? Next { get; private set; }

    public DeleteDialog? ToDelete { get; private set; }

    public bool Deleted { get; private set; }

    public async Task<IActionResult> OnGetAsync(string? after, Guid? delete, Guid? deleted, CancellationToken cancellationToken)
    {
        await ReadAsync(after, cancellationToken);
        Deleted = deleted is { } gone && await audit.JustDoneAsync(Access.Person.ToActor(), gone, [AuditTypes.ServiceAccountDeleted], cancellationToken) is not null;
        if (delete is not { } id)
            return Page();
        if (!Access.IsAdmin || !(await registry.OpenAsync(Access.Person.ToActor(), id, true, cancellationToken)).TryGet(out var opened, out _) || opened.Account.ClusterId is not null)
            return Redirect(Path);
        ToDelete = new DeleteDialog(id, "service account", opened.Account.Username,
            $"{Texts.Count(opened.Account.ApiKeys, "API key")} of it ends at once, and every program that uses one is refused. The username is not given to anybody else. It cannot be undone; disabling it can.",
            new Moment(opened.Account.LastUsedAt, Access.Now), null, Path, "Delete", "Delete Service Account");
        return Page();
    }

    public async Task<IActionResult> OnPostDeleteAsync(Guid id, CancellationToken cancellationToken)
    {
        await ReadAsync(null, cancellationToken);
        if ((Access.Refusal ?? await registry.DeleteAsync(Access.Person.ToActor(), id, cancellationToken)) is not { } problem || problem == Problems.NotFound)
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
        var shown = page.Page(await registry.ListAsync(Access.Person.ToActor(), Access.Person.Role, page, cancellationToken), account => account.Id, account => account);
        Accounts = shown.Items;
        Next = shown.Next is null ? null : $"{Path}?after={shown.Next}";
    }
}
