using Activate.Identity.Core.Errors;
using Activate.Identity.Core.SshKeys;
using Activate.Identity.Server.Accounts;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;

namespace Activate.Identity.Server.SshKeys;

/// <summary>The form of a new SSH key.</summary>
[Authorize]
[RecentSignIn]
public sealed class AddSshKeyPage(SshKeyRegistry registry, PolicyReader policies) : PageModel
{
    [BindProperty, FromForm]
    public string? Name { get; set; }

    [BindProperty, FromForm]
    public string? Key { get; set; }

    [BindProperty, FromForm]
    public string? Expiration { get; set; }

    /// <summary>Null where the policy sets no limit: the form then asks for no expiration.</summary>
    public ExpirationField? Menu { get; private set; }

    public Task<IActionResult> OnGetAsync(CancellationToken cancellationToken) => ShowAsync(null, cancellationToken);

    public async Task<IActionResult> OnPostAsync(CancellationToken cancellationToken)
    {
        var me = SignedIn.Required(HttpContext);
        if (me.LockedOut)
            return await ShowAsync(SignedIn.AccountLocked, cancellationToken);
        if (!ExpirationField.Parse(Expiration).TryGet(out var days, out var problem)
            || !(await registry.AddAsync(me.ToActor(), Name, Key, days, cancellationToken)).TryGet(out var key, out problem))
            return await ShowAsync(problem, cancellationToken);
        return this.SeeOther($"{SshKeysPage.Path}?added={key.Id}");
    }

    private async Task<IActionResult> ShowAsync(Problem? problem, CancellationToken cancellationToken)
    {
        var me = SignedIn.Required(HttpContext);
        if (problem is not null)
            this.Show(problem, problem.Field switch { "publicKey" => nameof(Key), "expiresInDays" => nameof(Expiration), _ => null });
        if (Key is not null && SshPublicKey.Parse(Key).Problem is not null)
        {
            // What is no public key may be a private one in some form: not even back to whoever sent it.
            Key = null;
            if (ModelState[nameof(Key)] is { } entry)
                (entry.RawValue, entry.AttemptedValue) = (null, null);
        }

        var limits = (await policies.ReadAsync(me.OrganizationId, cancellationToken)).Effective.SshKeys;
        Menu = limits.Maximum is not null || !limits.UserChoice ? ExpirationField.Of(limits, Expiration) : null;
        return Page();
    }
}
