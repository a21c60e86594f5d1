using Activate.Identity.Core;
using Activate.Identity.Core.Errors;
using Activate.Identity.Server.Accounts;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;

namespace Activate.Identity.Server.ApiKeys;

/// <summary>The form of a new API key, and the key, once.</summary>
[Authorize]
[RecentSignIn]
public sealed class AddApiKeyPage(ApiKeyIssuer keys, SecretForm form, TimeProvider clock) : PageModel
{
    public SecretForm Form => form;

    [BindProperty, FromForm]
    public string? Name { get; set; }

    [BindProperty, FromForm]
    public string? AllowedAddresses { get; set; }

    public Task OnGetAsync(CancellationToken cancellationToken) => form.ShowAsync(this, policy => policy.ApiKeys, cancellationToken);

    public Task OnPostAsync(CancellationToken cancellationToken) => form.SendAsync(this, policy => policy.ApiKeys, async (owner, giver, days, scopes, id) =>
    {
        if (!(await keys.CreateAsync(owner.ToActor(), giver, new ApiKeyDraft(Name, days, scopes, AddressesField.Parse(AllowedAddresses)), cancellationToken, id)).TryGet(out var issued, out var problem))
            return problem;
        return new Secret("Your new API key", issued.Key.Name, issued.Secret.Reveal(), new Moment(issued.Key.ExpiresAt, clock.Now()), Scopes.Split(issued.Key.Scopes), "actid auth apikey")
        {
            AllowedAddresses = issued.Key.AllowedAddresses,
        };
    }, cancellationToken);
}
