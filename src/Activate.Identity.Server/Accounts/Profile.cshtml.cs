using Activate.Identity.Data;
using Activate.Identity.Server.Mail;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc.RazorPages;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Accounts;

/// <summary>Who somebody is here, as others and programs see it.</summary>
[Authorize]
public sealed class ProfilePage(ActivateDbContext database, MailOutbox outbox, TimeProvider clock) : PageModel
{
    public SignedIn Me { get; private set; } = null!;

    public string? Email { get; private set; }

    public bool EmailConfirmed { get; private set; }

    public bool MailOn => outbox.IsOn;

    public DateTime Now { get; private set; }

    public async Task OnGetAsync(CancellationToken cancellationToken)
    {
        Me = SignedIn.Required(HttpContext);
        Now = clock.Now();
        // No tuple: PostgreSQL would be asked for a record, which its driver does not read.
        var user = await database.Users.Where(user => user.Id == Me.UserId).Select(user => new { user.Email, user.EmailConfirmed }).SingleAsync(cancellationToken);
        (Email, EmailConfirmed) = (user.Email, user.EmailConfirmed);
    }
}
