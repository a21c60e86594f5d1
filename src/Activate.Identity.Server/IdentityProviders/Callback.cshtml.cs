using Activate.Identity.Core.Errors;
using Activate.Identity.Data;
using Activate.Identity.Data.Audit;
using Activate.Identity.Data.IdentityProviders;
using Activate.Identity.Server.Accounts;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.IdentityProviders;

/// <summary><c>/sign-in/callback</c>: where providers send people back to. It signs them in, or says which rule is against it and whom to ask.</summary>
public sealed class CallbackPage(
    ActivateDbContext database, ProviderChallenge challenge, ExternalAccounts accounts, RememberedOrganization remembered, AuditTrail audit, PublicOrigin origin) : PageModel
{
    public const string Path = "/sign-in/callback";

    private readonly LinkCookie _invitation = new("invitation", origin);

    public Problem Refusal { get; private set; } = null!;

    /// <summary>Where it can be tried again; null: nobody knows which organization it was.</summary>
    public string? Again { get; private set; }

    public async Task<IActionResult> OnGetAsync(CancellationToken cancellationToken)
    {
        var (answer, provider) = await challenge.ReadAsync(HttpContext);
        if (answer.TryGet(out var read, out var problem)
            && (await accounts.EnterAsync(HttpContext, read, _invitation.Read(HttpContext), cancellationToken)).TryGet(out var start, out problem))
        {
            if (read.Purpose == ProviderPurpose.Invitation)
                _invitation.Forget(HttpContext);
            remembered.Keep(HttpContext, await SlugAsync(read.Provider, cancellationToken));
            // The address of this page holds a code: it stays in no history.
            return this.SeeOther(start.Next(read.ReturnUrl));
        }

        Refusal = problem;
        Response.StatusCode = problem.StatusCode();
        if (provider is not null)
        {
            Again = ProviderStartPage.PathTo(await SlugAsync(provider, cancellationToken), LocalAddress.Start);
            audit.Add(AuditTypes.SignInFailed, organization: provider.OrganizationId, subject: provider.Id, detail: $"{provider.Name}: {problem.Code}", succeeded: false);
            await database.SaveChangesAsync(cancellationToken);
        }

        return Page();
    }

    private Task<string> SlugAsync(IdentityProvider provider, CancellationToken cancellationToken) =>
        database.Organizations.Where(organization => organization.Id == provider.OrganizationId).Select(organization => organization.Slug).SingleAsync(cancellationToken);
}
