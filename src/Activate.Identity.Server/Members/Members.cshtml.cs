using Activate.Identity.Core.Errors;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;

namespace Activate.Identity.Server.Members;

/// <summary>The people of the organization, for its administrators. With <c>?remove=ID</c> the dialog that asks before somebody is removed.</summary>
[Authorize]
public sealed class MembersPage(MemberRegistry members, AuditTrail audit, TimeProvider clock) : PageModel
{
    public const string Path = "/organization/members";

    public Administration Access { get; private set; } = null!;

    public IReadOnlyList<Member> People { get; private set; } = [];

    public string? Search { get; private set; }

    /// <summary>The address of the next page of the list.</summary>
    public string? Next { get; private set; }

    public DeleteDialog? ToRemove { get; private set; }

    public bool Removed { get; private set; }

    public bool Cancelled { get; private set; }

    public async Task<IActionResult> OnGetAsync(string? search, string? after, Guid? remove, Guid? removed, CancellationToken cancellationToken)
    {
        await ReadAsync(search, after, cancellationToken);
        if (!Access.IsAdmin)
            return Page();
        if (removed is { } gone && await audit.JustDoneAsync(Access.Person.ToActor(), gone, [AuditTypes.MemberRemoved, AuditTypes.InvitationCancelled], cancellationToken) is { } done)
            (Removed, Cancelled) = (done.Type == AuditTypes.MemberRemoved, done.Type == AuditTypes.InvitationCancelled);
        if (remove is not { } id)
            return Page();
        if (id == Access.Person.UserId || await members.FindAsync(Access.Person.OrganizationId, id, withEmail: false, cancellationToken) is not { } member)
            return Redirect(Path);
        ToRemove = member.InvitationEndsAt is null
            ? new DeleteDialog(id, "account", member.Username,
                "All its keys, tokens, sessions and SSH keys end at once, and name and e-mail address are deleted. The username is not given to anybody else. It cannot be undone; disabling it can.",
                null, null, Path, "Remove", "Remove Member") { Verb = "Remove" }
            : new DeleteDialog(id, "invitation of", member.Username, "The link stops working, and SSH keys that were brought in for it end at once.", null, null, Path, "Remove", "Withdraw Invitation") { Verb = "Withdraw" };
        return Page();
    }

    public async Task<IActionResult> OnPostRemoveAsync(Guid id, CancellationToken cancellationToken)
    {
        await ReadAsync(null, null, cancellationToken);
        if (!Access.IsAdmin)
            return Page();
        if ((Access.Refusal ?? await members.RemoveAsync(Access.Person.ToActor(), id, cancellationToken)) is not { } problem || problem == Problems.NotFound)
            return this.SeeOther($"{Path}?removed={id}");
        this.Show(problem, "");
        return Page();
    }

    private async Task ReadAsync(string? search, string? after, CancellationToken cancellationToken)
    {
        Access = Administration.Of(HttpContext, clock);
        if (!Access.IsAdmin)
        {
            Response.StatusCode = StatusCodes.Status403Forbidden;
            return;
        }

        Search = string.IsNullOrWhiteSpace(search) ? null : search.Trim();
        // A cursor that was tampered with: the beginning.
        if (!PageQuery.Parse(null, after).TryGet(out var page, out _))
            page = new PageQuery(50, null);
        var shown = page.Page(await members.ListAsync(Access.Person.OrganizationId, Search, withEmail: true, page, cancellationToken), member => member.Id, member => member);
        People = shown.Items;
        Next = shown.Next is null ? null : $"{Path}?after={shown.Next}{(Search is null ? "" : $"&search={Uri.EscapeDataString(Search)}")}";
    }
}
