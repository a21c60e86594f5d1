using Activate.Identity.Data;
using Activate.Identity.Server.Mail;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Accounts;

/// <summary>Asks for a link that confirms the person's address, or makes another one theirs.</summary>
[Authorize, RecentSignIn(Minutes = 10)]
public sealed class ChangeEmailPage(EmailEditor emails, MailOutbox outbox, ActivateDbContext database) : PageModel
{
    public const string Path = "/account/profile/email";

    [BindProperty, FromForm]
    public string? Email { get; set; }

    public bool MailOn => outbox.IsOn;

    /// <summary>Where a link is on its way to.</summary>
    public string? AskedFor { get; private set; }

    public async Task OnGetAsync(CancellationToken cancellationToken)
    {
        var me = SignedIn.Required(HttpContext).UserId;
        Email = await database.Users.Where(u => u.Id == me).Select(u => u.Email).SingleAsync(cancellationToken);
    }

    public async Task OnPostAsync(CancellationToken cancellationToken)
    {
        var me = SignedIn.Required(HttpContext);
        if ((me.LockedOut ? SignedIn.AccountLocked : await emails.AskAsync(me, Email, cancellationToken)) is { } problem)
            this.Show(problem);
        else
            AskedFor = Email!.Trim();
    }
}
