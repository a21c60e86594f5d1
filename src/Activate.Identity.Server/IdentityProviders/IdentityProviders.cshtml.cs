using Activate.Identity.Core.Errors;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;

namespace Activate.Identity.Server.IdentityProviders;

/// <summary>How the people of an organization sign in, for its administrators. With <c>?delete=ID</c> the dialog that asks before a provider is deleted.</summary>
[Authorize]
public sealed class IdentityProvidersPage(IdentityProviderRegistry registry, ProviderRegistrations registrations, AuditTrail audit, TimeProvider clock) : PageModel
{
    public const string Path = "/organization/sign-in";

    public Administration Access { get; private set; } = null!;

    public IReadOnlyList<ShownProvider> Providers { get; private set; } = [];

    public string SignInUri => registrations.SignInUri(Access.Person.OrganizationSlug);

    public DeleteDialog? ToDelete { get; private set; }

    public bool Deleted { get; private set; }

    public async Task<IActionResult> OnGetAsync(Guid? delete, Guid? deleted, CancellationToken cancellationToken)
    {
        await ReadAsync(cancellationToken);
        Deleted = deleted is { } gone && await audit.JustDoneAsync(Access.Person.ToActor(), gone, [AuditTypes.IdentityProviderDeleted], cancellationToken) is not null;
        if (delete is not { } id)
            return Page();
        if (Providers.FirstOrDefault(shown => shown.Provider.Id == id) is not { } target)
            return Redirect(Path);
        ToDelete = new DeleteDialog(id, "provider", target.Provider.Name,
            $"{(target.People == 1 ? "1 person is" : $"{target.People} people are")} connected there. Their accounts and keys stay; whoever has neither password nor passkey here cannot sign in any more. "
            + "Added again, it does not know them. To stop it for a while, switch it off instead.",
            null, null, Path, "Delete", "Delete Provider");
        return Page();
    }

    public async Task<IActionResult> OnPostDeleteAsync(Guid id, CancellationToken cancellationToken)
    {
        await ReadAsync(cancellationToken);
        if ((!Access.IsAdmin ? IdentityProviderRegistry.AdminRequired : Access.Refusal ?? await registry.DeleteAsync(Access.Person.ToActor(), id, cancellationToken)) is not { } problem
            || problem == Problems.NotFound)
            return this.SeeOther($"{Path}?deleted={id}");
        this.Show(problem, "");
        return Page();
    }

    private async Task ReadAsync(CancellationToken cancellationToken)
    {
        Access = Administration.Of(HttpContext, clock);
        if (Access.IsAdmin)
            Providers = await registry.ListAsync(Access.Person.OrganizationId, cancellationToken);
        else
            Response.StatusCode = StatusCodes.Status403Forbidden;
    }
}
