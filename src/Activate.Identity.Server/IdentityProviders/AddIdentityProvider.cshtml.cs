using Activate.Identity.Core.Errors;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;

namespace Activate.Identity.Server.IdentityProviders;

/// <summary>The form of a new provider. Its answer is a redirect: it shows no secret, not even the one that was typed.</summary>
[Authorize]
public sealed class AddIdentityProviderPage(IdentityProviderRegistry registry, ProviderRegistrations registrations, TimeProvider clock) : PageModel
{
    public Administration Access { get; private set; } = null!;

    public ProviderForm Form { get; private set; } = new() { IsNew = true };

    public string RedirectUri => registrations.RedirectUri;

    public void OnGet() => Read();

    public async Task<IActionResult> OnPostAsync(CancellationToken cancellationToken)
    {
        Read();
        if (!Access.IsAdmin)
            return Page();
        Form = ProviderForm.Sent(await Request.ReadFormAsync(cancellationToken)) with { IsNew = true };
        Problem? problem = Access.Refusal;
        if (problem is null && (await registry.CreateAsync(Access.Person.ToActor(), Form.ToDraft(), Form.ClientSecret, cancellationToken)).TryGet(out var shown, out problem))
            return this.SeeOther($"{IdentityProvidersPage.Path}/{shown.Provider.Id}?done=true");
        this.Show(problem!);
        return Page();
    }

    private void Read()
    {
        Access = Administration.Of(HttpContext, clock);
        if (!Access.IsAdmin)
            this.Show(IdentityProviderRegistry.AdminRequired);
    }
}
