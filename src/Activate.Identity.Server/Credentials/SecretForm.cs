using Activate.Identity.Core;
using Activate.Identity.Core.Errors;
using Activate.Identity.Core.Expiration;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Server.Accounts;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Mvc.RazorPages;

namespace Activate.Identity.Server.Credentials;

/// <summary>
/// What the forms of a new API key and of a generated token have in common: expiration, scopes, and that the answer to the form shows the secret. No redirect, no
/// cookie and no row ever holds it, and sending the form again makes nothing.
/// </summary>
public sealed class SecretForm(PolicyReader policies, OneTimeForms forms)
{
    /// <summary>Makes the credential, or says why not.</summary>
    public delegate Task<Result<Secret>> Maker(SignedIn owner, ScopeGiver giver, Optional<int?> lifetime, IReadOnlyList<string>? scopes, Guid form);

    /// <summary>The value of the hidden field <c>Form</c>.</summary>
    public string Id { get; private set; } = "";

    /// <summary>For the key of a service account: its role, which limits the scopes like the giver's own. Null: the key is the giver's.</summary>
    public Role? AccountRole { get; set; }

    public ExpirationField Menu { get; private set; } = null!;

    public ScopesField Scopes { get; private set; } = null!;

    /// <summary>What was made.</summary>
    public Secret? Secret { get; private set; }

    public bool SentBefore { get; private set; }

    /// <summary>An empty form.</summary>
    public Task ShowAsync(PageModel page, Func<Policy, ExpirationLimits> limits, CancellationToken cancellationToken) => ShowAsync(page, limits, null, null, null, cancellationToken);

    /// <summary>The form as it was sent: makes what it asks for, or shows it again with what is wrong.</summary>
    public async Task SendAsync(PageModel page, Func<Policy, ExpirationLimits> limits, Maker make, CancellationToken cancellationToken)
    {
        var me = SignedIn.Required(page.HttpContext);
        var fields = await page.Request.ReadFormAsync(cancellationToken);
        string? expiration = fields["Expiration"];
        IReadOnlyList<string>? scopes = fields.TryGetValue("Scopes", out var chosen) ? [.. chosen.OfType<string>()] : null;
        if (me.LockedOut)
            await ShowAsync(page, limits, SignedIn.AccountLocked, expiration, scopes, cancellationToken);
        else if (forms.Read(fields["Form"], me.UserId) is not { } form)
            await ShowAsync(page, limits, OneTimeForms.OutOfDate, expiration, scopes, cancellationToken);
        else if (!ExpirationField.Parse(expiration).TryGet(out var lifetime, out var problem)
            || !(await make(me, new ScopeGiver(me.Role, null, me.AuthenticatedAt), lifetime, scopes, form)).TryGet(out var secret, out problem))
            await ShowAsync(page, limits, problem, expiration, scopes, cancellationToken);
        else
            Secret = secret;
    }

    private async Task ShowAsync(
        PageModel page, Func<Policy, ExpirationLimits> limits, Problem? problem, string? expiration, IReadOnlyList<string>? scopes, CancellationToken cancellationToken)
    {
        var me = SignedIn.Required(page.HttpContext);
        SentBefore = problem == OneTimeForms.Spent;
        if (problem is not null)
            page.Show(problem, problem.Field is "expiresInDays" or "expiresInHours" ? "Expiration" : null);
        Menu = ExpirationField.Of(limits((await policies.ReadAsync(me.OrganizationId, cancellationToken)).Effective), expiration);
        Scopes = ScopesField.Of(AccountRole is { } role && role < me.Role ? role : me.Role, problem is null ? null : scopes ?? []) with
        {
            SignInAgain = problem?.Code == "recent_sign_in_required" ? SignInPage.PathTo(page.Request.Path, reauthenticate: true) : null,
        };
        Id = forms.Issue(me.UserId);
    }
}
