using Activate.Identity.Core;
using Activate.Identity.Core.Errors;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;

namespace Activate.Identity.Server.IdentityProviders;

/// <summary>One provider: change it, and look whether what it publishes is in order.</summary>
[Authorize]
public sealed class IdentityProviderDetailsPage(
    IdentityProviderRegistry registry, ProviderRegistrations registrations, ProviderCheck check, AuditTrail audit, TimeProvider clock) : PageModel
{
    public Administration Access { get; private set; } = null!;

    public ShownProvider Shown { get; private set; } = null!;

    public ProviderForm Form { get; private set; } = new();

    public string RedirectUri => registrations.RedirectUri;

    public string SignInUri => registrations.SignInUri(Access.Person.OrganizationSlug);

    public bool Done { get; private set; }

    public IReadOnlyList<ProviderFinding>? Findings { get; private set; }

    public async Task<IActionResult> OnGetAsync(Guid provider, bool done, CancellationToken cancellationToken)
    {
        if (!await ReadAsync(provider, cancellationToken))
            return NotFound();
        Done = done && await audit.JustDoneAsync(Access.Person.ToActor(), provider, [AuditTypes.IdentityProviderCreated, AuditTypes.IdentityProviderChanged], cancellationToken) is not null;
        return Page();
    }

    public async Task<IActionResult> OnPostSaveAsync(Guid provider, CancellationToken cancellationToken)
    {
        if (!await ReadAsync(provider, cancellationToken))
            return NotFound();
        Form = ProviderForm.Sent(await Request.ReadFormAsync(cancellationToken)) with { HasSecret = Form.HasSecret };
        Problem? problem = Access.Refusal;
        if (problem is null && (await registry.ChangeAsync(
            Access.Person.ToActor(), provider, _ => Form.ToDraft(), Form.ClientSecret is { } secret ? new Optional<string?>(secret) : default, cancellationToken)).TryGet(out _, out problem))
            return this.SeeOther($"{IdentityProvidersPage.Path}/{provider}?done=true");
        this.Show(problem!);
        return Page();
    }

    public async Task<IActionResult> OnPostCheckAsync(Guid provider, CancellationToken cancellationToken)
    {
        if (!await ReadAsync(provider, cancellationToken))
            return NotFound();
        if (Access.Refusal is { } refusal)
            this.Show(refusal, "");
        else
            Findings = await check.RunAsync(Shown.Provider, cancellationToken);
        return Page();
    }

    private async Task<bool> ReadAsync(Guid provider, CancellationToken cancellationToken)
    {
        Access = Administration.Of(HttpContext, clock);
        if (!Access.IsAdmin || await registry.FindAsync(Access.Person.OrganizationId, provider, cancellationToken) is not { } shown)
            return false;
        (Shown, Form) = (shown, ProviderForm.Of(shown.Provider));
        return true;
    }
}
