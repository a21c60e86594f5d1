using Activate.Identity.Data;
using Activate.Identity.Server.Inventory;
using Activate.Identity.Server.Mail;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc.RazorPages;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Accounts;

/// <summary>Where somebody lands after signing in: who they are, what of theirs ends soon, and where to begin.</summary>
[Authorize(AuthenticationSchemes = SignedIn.Scheme)]
public sealed class StartPage(ActivateDbContext database, EndingSoon ending, MailOutbox outbox) : PageModel
{
    public SignedIn Me => SignedIn.Required(HttpContext);

    public EndingList Ending { get; private set; } = null!;

    /// <summary>They could confirm their address, and have a password that they may forget.</summary>
    public bool ShouldConfirm { get; private set; }

    public async Task OnGetAsync(CancellationToken cancellationToken)
    {
        Ending = await ending.OfPersonAsync(Me, cancellationToken);
        ShouldConfirm = outbox.IsOn && await database.Users.AnyAsync(user => user.Id == Me.UserId && user.PasswordHash != null && !user.EmailConfirmed, cancellationToken);
    }
}
