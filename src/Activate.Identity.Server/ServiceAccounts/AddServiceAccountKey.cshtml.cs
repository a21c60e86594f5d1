using Activate.Identity.Core;
using Activate.Identity.Server.Accounts;
using Activate.Identity.Server.ApiKeys;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;

namespace Activate.Identity.Server.ServiceAccounts;

/// <summary>The form of a new key of a service account, and the key, once: as for a key of one's own.</summary>
[Authorize]
[RecentSignIn]
public sealed class AddServiceAccountKeyPage(ServiceAccountRegistry accounts, ServiceAccountKeys keys, SecretForm form, TimeProvider clock) : PageModel
{
    public SecretForm Form => form;

    public KeptAccount Account { get; private set; } = null!;

    [BindProperty, FromForm]
    public string? Name { get; set; }

    [BindProperty, FromForm]
    public string? AllowedAddresses { get; set; }

    public string Back => $"{ServiceAccountsPage.Path}/{Account.Id}";

    public async Task<IActionResult> OnGetAsync(Guid account, CancellationToken cancellationToken)
    {
        if (!await ReadAsync(account, cancellationToken))
            return NotFound();
        await form.ShowAsync(this, policy => policy.ApiKeys, cancellationToken);
        return Page();
    }

    public async Task<IActionResult> OnPostAsync(Guid account, CancellationToken cancellationToken)
    {
        if (!await ReadAsync(account, cancellationToken))
            return NotFound();
        await form.SendAsync(this, policy => policy.ApiKeys, async (person, giver, days, scopes, id) =>
        {
            var draft = new ApiKeyDraft(Name, days, scopes, AddressesField.Parse(AllowedAddresses));
            if (!(await keys.CreateAsync(person.ToActor(), giver, account, draft, true, cancellationToken, id)).TryGet(out var issued, out var problem))
                return problem;
            return new Secret($"The new API key of {Account.Username}", issued.Key.Name, issued.Secret.Reveal(), new Moment(issued.Key.ExpiresAt, clock.Now()), Scopes.Split(issued.Key.Scopes), "actid auth apikey")
            {
                AllowedAddresses = issued.Key.AllowedAddresses,
                Back = Back,
            };
        }, cancellationToken);
        return Page();
    }

    private async Task<bool> ReadAsync(Guid account, CancellationToken cancellationToken)
    {
        if (!(await accounts.OpenAsync(SignedIn.Required(HttpContext).ToActor(), account, true, cancellationToken)).TryGet(out var opened, out _) || opened.Account.ClusterId is not null)
            return false;
        Account = opened.Account;
        form.AccountRole = Account.Role;
        return true;
    }
}
