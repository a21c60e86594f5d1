using Activate.Identity.Core;
using Activate.Identity.Core.Errors;
using Activate.Identity.Data.ApiKeys;
using Activate.Identity.Server.Accounts;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.ServiceAccounts;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;

namespace Activate.Identity.Server.ApiKeys;

/// <summary>One API key, of a person or of a service account that they keep: its name, from where it may be used, and a new secret for it.</summary>
[Authorize]
[RecentSignIn]
public sealed class ApiKeyPage(ApiKeyIssuer keys, ServiceAccountRegistry accounts, ServiceAccountKeys accountKeys, OneTimeForms forms, TimeProvider clock) : PageModel
{
    /// <summary>The same page under the service account that has the key.</summary>
    internal const string ServiceAccountRoute = ServiceAccountsPage.Path + "/{account:guid}/api-keys/{key:guid}";

    /// <summary>How long the old secret may go on, in hours.</summary>
    public static readonly IReadOnlyList<(int Hours, string Label)> Overlaps = [(0, "no longer: it ends at once"), (1, "1 hour"), (24, "24 hours"), (72, "3 days"), (168, "7 days")];

    public DateTime Now { get; } = clock.Now();

    public ApiKey Key { get; private set; } = null!;

    /// <summary>Whose key it is; null: the person's own.</summary>
    public KeptAccount? Account { get; private set; }

    /// <summary>Whether something still uses it: what one wants to know before its secret changes.</summary>
    public Moment LastUsed => new(Key.LastUsedAt, Now) { From = Key.LastUsedFrom };

    public bool IsExpired => Key.ExpiresAt <= Now;

    /// <summary>Until then the secret of before works, too; null: there is none.</summary>
    public DateTime? RotationEndsAt => Key.RotationEndsAt > Now ? Key.RotationEndsAt : null;

    public string FormId { get; private set; } = "";

    /// <summary>What was made.</summary>
    public Secret? Secret { get; private set; }

    public bool SentBefore { get; private set; }

    public bool Saved { get; private set; }

    [BindProperty, FromForm]
    public string? Name { get; set; }

    [BindProperty, FromForm]
    public string? AllowedAddresses { get; set; }

    [BindProperty, FromForm]
    public int OverlapHours { get; set; } = 24;

    public string Path => PathTo(Key.Id, Account?.Id);

    public string Back => Account is null ? ApiKeysPage.Path : $"{ServiceAccountsPage.Path}/{Account.Id}";

    public static string PathTo(Guid key, Guid? serviceAccount) => serviceAccount is { } account ? $"{ServiceAccountsPage.Path}/{account}/api-keys/{key}" : $"{ApiKeysPage.Path}/{key}";

    public async Task<IActionResult> OnGetAsync(Guid key, Guid? account, bool saved, CancellationToken cancellationToken)
    {
        Saved = saved;
        return await ShowAsync(key, account, null, cancellationToken);
    }

    public async Task<IActionResult> OnPostSaveAsync(Guid key, Guid? account, CancellationToken cancellationToken)
    {
        var (me, addresses) = (SignedIn.Required(HttpContext), new Optional<IReadOnlyList<string>?>(AddressesField.Parse(AllowedAddresses)));
        if (me.LockedOut)
            return await ShowAsync(key, account, SignedIn.AccountLocked, cancellationToken);
        var changed = account is { } kept
            ? await accountKeys.ChangeAsync(me.ToActor(), kept, key, Name ?? "", addresses, true, cancellationToken)
            : await keys.ChangeAsync(me.ToActor(), key, Name ?? "", addresses, cancellationToken);
        return changed.TryGet(out _, out var problem) ? this.SeeOther($"{PathTo(key, account)}?saved=true") : await ShowAsync(key, account, problem, cancellationToken);
    }

    public async Task<IActionResult> OnPostRotateAsync(Guid key, Guid? account, [FromForm(Name = "Form")] string? sent, CancellationToken cancellationToken)
    {
        var me = SignedIn.Required(HttpContext);
        if (me.LockedOut)
            return await ShowAsync(key, account, SignedIn.AccountLocked, cancellationToken);
        if (forms.Read(sent, me.UserId) is not { } form)
            return await ShowAsync(key, account, OneTimeForms.OutOfDate, cancellationToken);
        var giver = new ScopeGiver(me.Role, null, me.AuthenticatedAt);
        var rotated = account is { } kept
            ? await accountKeys.RotateAsync(me.ToActor(), giver, kept, key, OverlapHours, true, cancellationToken, form)
            : await keys.RotateAsync(me.ToActor(), giver, key, OverlapHours, cancellationToken, form: form);
        if (!rotated.TryGet(out var issued, out var problem))
            return await ShowAsync(key, account, problem, cancellationToken);
        await ShowAsync(key, account, null, cancellationToken);
        Secret = new Secret("The new secret of your API key", issued.Key.Name, issued.Secret.Reveal(), new Moment(issued.Key.ExpiresAt, Now), Scopes.Split(issued.Key.Scopes), "actid auth apikey")
        {
            AllowedAddresses = issued.Key.AllowedAddresses,
            Back = Back,
        };
        return Page();
    }

    /// <summary>The page with what is there, or after a refusal with what was typed.</summary>
    private async Task<IActionResult> ShowAsync(Guid key, Guid? account, Problem? problem, CancellationToken cancellationToken)
    {
        var actor = SignedIn.Required(HttpContext).ToActor();
        if (account is { } kept)
        {
            if (!(await accounts.OpenAsync(actor, kept, true, cancellationToken)).TryGet(out var opened, out _))
                return NotFound();
            Account = opened.Account;
        }

        var found = account is { } id ? await accountKeys.FindAsync(actor, id, key, true, cancellationToken) : await keys.FindAsync(actor, actor.UserId, key, cancellationToken);
        if (!found.TryGet(out var row, out _))
            return NotFound();
        Key = row;
        FormId = forms.Issue(actor.UserId);
        SentBefore = problem == OneTimeForms.Spent;
        if (problem is not null)
            this.Show(problem);
        Name ??= row.Name;
        AllowedAddresses ??= row.AllowedAddresses?.Replace(' ', '\n');
        return Page();
    }
}
