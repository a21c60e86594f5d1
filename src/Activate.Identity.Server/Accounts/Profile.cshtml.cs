using Activate.Identity.Data;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc.RazorPages;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Accounts;

/// <summary>Who somebody is here, as others and programs see it.</summary>
[Authorize]
public sealed class ProfilePage(ActivateDbContext database, TimeProvider clock) : PageModel
{
    public SignedIn Me { get; private set; } = null!;

    public string? Email { get; private set; }

    public DateTime Now { get; private set; }

    public async Task OnGetAsync(CancellationToken cancellationToken)
    {
        Me = SignedIn.Required(HttpContext);
        Now = clock.Now();
        Email = await database.Users.Where(user => user.Id == Me.UserId).Select(user => user.Email).SingleAsync(cancellationToken);
    }
}
