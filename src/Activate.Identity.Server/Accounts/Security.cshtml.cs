using Activate.Identity.Core.Errors;
using Activate.Identity.Data;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.IdentityProviders;
using Activate.Identity.Server.SecondFactors;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Accounts;

/// <summary>How somebody signs in, and where they are signed in. With <c>?remove=</c> the dialog before a factor goes. Its parts are partials of their features.</summary>
[Authorize]
public sealed class SecurityPage(
    ActivateDbContext database, SecondFactorRegistry registry, BrowserSessions sessions, ExternalAccounts accounts, OneTimeForms forms, AuditTrail audit, TimeProvider clock) : PageModel
{
    public const string Path = "/account/security";

    private static readonly string[] s_told = [AuditTypes.SecondFactorAdded, AuditTypes.SecondFactorRemoved, AuditTypes.PasskeyRenamed, AuditTypes.BrowserSessionsEnded,
        AuditTypes.ExternalLoginConnected, AuditTypes.ExternalLoginDisconnected];

    public SignedIn Person { get; private set; } = null!;

    /// <summary>False: they sign in by their organization's provider or by a passkey only.</summary>
    public bool HasPassword { get; private set; }

    public FactorsOfUser Factors { get; private set; } = null!;

    public IReadOnlyList<BrowserShown> Browsers { get; private set; } = [];

    /// <summary>The organization's providers, and whether this account is connected there.</summary>
    public IReadOnlyList<Connection> Connections { get; private set; } = [];

    /// <summary>Where the browser goes on to connect the account; null: nothing of the kind was asked for.</summary>
    public string? Leaves { get; private set; }

    public DeleteDialog? Question { get; private set; }

    /// <summary>What was done just now.</summary>
    public string? Done { get; private set; }

    public DateTime Now { get; } = clock.Now();

    public async Task<IActionResult> OnGetAsync(Guid? remove, bool done, CancellationToken cancellationToken)
    {
        await ReadAsync(cancellationToken);
        if (done && await audit.JustDoneAsync(Person.ToActor(), Person.UserId, s_told, cancellationToken) is { } what)
        {
            Done = what.Type switch
            {
                AuditTypes.SecondFactorAdded => $"The {what.Detail} was added.",
                AuditTypes.SecondFactorRemoved => $"The {what.Detail} was removed.",
                AuditTypes.PasskeyRenamed => "The passkey was renamed.",
                AuditTypes.ExternalLoginConnected => $"Your account is connected to {what.Detail}: from now on you sign in there, too.",
                AuditTypes.ExternalLoginDisconnected => $"Your account is not connected to {what.Detail} any more.",
                _ => $"Signed out: {what.Detail}.",
            };
        }

        var passkey = Factors.Passkeys.FirstOrDefault(row => row.Id == remove);
        if (passkey is not null || (remove == Guid.Empty && Factors.AppSince is not null))
        {
            var consequence = Factors.Count == 1
                ? "It is your only second factor: from then on the password alone signs you in, and the recovery codes are void."
                : "It no longer signs you in here. Delete it on the device, too.";
            Question = new DeleteDialog(remove!.Value, passkey is null ? "app" : "passkey", passkey?.Name ?? "Authenticator app", consequence, null, null, Path, "Remove",
                passkey is null ? "Remove App" : "Delete Passkey") { Verb = passkey is null ? "Remove" : "Delete" };
        }

        return Page();
    }

    /// <param name="id">A passkey; the empty one: the app.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public Task<IActionResult> OnPostRemoveAsync(Guid id, CancellationToken cancellationToken) => RecentSignInAttribute.IsRecent(HttpContext, ScopeRequest.RecentSignIn)
        ? DoAsync(person => registry.RemoveAsync(person, id == Guid.Empty ? null : id, cancellationToken), cancellationToken)
        : Task.FromResult(RecentSignInAttribute.SignInAgain(HttpContext, $"{Path}?remove={id}"));

    // No fresh sign-in for these: whoever sees a stranger in the list should not have to look for the telephone first.
    public Task<IActionResult> OnPostEndAsync(Guid id, CancellationToken cancellationToken) => DoAsync(person => sessions.EndAsync(person, id, cancellationToken), cancellationToken);

    public Task<IActionResult> OnPostEndOthersAsync(CancellationToken cancellationToken) => DoAsync(person => sessions.EndAsync(person, null, cancellationToken), cancellationToken);

    /// <summary>Leads to the provider, by a page and not by a redirect: browsers follow a form only to where its page says.</summary>
    public async Task<IActionResult> OnPostConnectAsync(Guid id, CancellationToken cancellationToken)
    {
        if (!RecentSignInAttribute.IsRecent(HttpContext, ScopeRequest.RecentSignIn))
            return RecentSignInAttribute.SignInAgain(HttpContext, Path);
        await ReadAsync(cancellationToken);
        if (Connections.Any(connection => connection.ProviderId == id && connection.LoginId is null))
        {
            Leaves = $"/sign-in/{Person.OrganizationSlug}?provider={id}&connect={forms.Issue(Person.UserId)}&returnUrl={Uri.EscapeDataString($"{Path}?done=true")}";
            Response.Headers["Refresh"] = $"0; url={Leaves}";
        }

        return Page();
    }

    public Task<IActionResult> OnPostDisconnectAsync(Guid id, CancellationToken cancellationToken) => RecentSignInAttribute.IsRecent(HttpContext, ScopeRequest.RecentSignIn)
        ? DoAsync(person => accounts.DisconnectAsync(person, id, cancellationToken), cancellationToken)
        : Task.FromResult(RecentSignInAttribute.SignInAgain(HttpContext, Path));

    private async Task<IActionResult> DoAsync(Func<SignedIn, Task<Problem?>> work, CancellationToken cancellationToken)
    {
        if (await work(SignedIn.Required(HttpContext)) is not { } problem)
            return this.SeeOther($"{Path}?done=true");
        await ReadAsync(cancellationToken);
        this.Show(problem, "");
        return Page();
    }

    private async Task ReadAsync(CancellationToken cancellationToken)
    {
        Person = SignedIn.Required(HttpContext);
        HasPassword = await database.Users.AnyAsync(user => user.Id == Person.UserId && user.PasswordHash != null, cancellationToken);
        Factors = await registry.ReadAsync(Person, cancellationToken);
        Browsers = await sessions.ListAsync(Person, cancellationToken);
        Connections = await accounts.ListAsync(Person, cancellationToken);
    }
}
