using Activate.Identity.Data;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;

namespace Activate.Identity.Server.Accounts;

/// <summary>Ends the browser's session. Only a POST does: a link or an image on another site must not.</summary>
public sealed class SignOutPage(BrowserSessionIssuer sessions, ActivateDbContext database, AuditTrail audit) : PageModel
{
    public string Username { get; private set; } = "";

    public IActionResult OnGet()
    {
        if (SignedIn.From(HttpContext) is not { } signedIn)
            return Redirect(SignInPage.Path);
        Username = signedIn.Username;
        return Page();
    }

    public async Task<IActionResult> OnPostAsync(CancellationToken cancellation)
    {
        await using var transaction = await database.Database.BeginTransactionAsync(cancellation);
        await sessions.EndAsync(HttpContext, cancellation);
        if (SignedIn.From(HttpContext) is { } signedIn)
            audit.Add(AuditTypes.SignedOut, signedIn.ToActor(), signedIn.UserId);
        await database.SaveChangesAsync(cancellation);
        await transaction.CommitAsync(cancellation);
        return this.SeeOther(SignInPage.Path);
    }
}
