using Activate.Identity.Data;
using Activate.Identity.Server.Accounts;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Members;

/// <summary>
/// The page behind an invitation's link: the invited person chooses a name and a password, and is signed in. Somebody who is signed in as another does not become two people: the
/// invitation waits until they have signed out.
/// </summary>
public sealed class InvitationPage(InvitationIssuer invitations, BrowserSessionIssuer sessions, ActivateDbContext database, PublicOrigin origin) : PageModel
{
    private readonly LinkCookie _link = new("invitation", origin);

    [BindProperty, FromForm]
    public string? DisplayName { get; set; }

    [BindProperty, FromForm]
    public string? Password { get; set; }

    [BindProperty, FromForm]
    public string? Repeat { get; set; }

    /// <summary>Null: the link opens nothing.</summary>
    public Invitee? Invitee { get; private set; }

    /// <summary>Who is signed in, when that is not the invited person.</summary>
    public string? Other { get; private set; }

    /// <summary>Where the invited person can join without a password here: name and address.</summary>
    public IReadOnlyList<(string Name, string Address)> Providers { get; private set; } = [];

    public async Task<IActionResult> OnGetAsync([FromQuery] string? code, CancellationToken cancellationToken)
    {
        if (code is not null)
        {
            _link.Keep(HttpContext, code);
            return Redirect(InvitationIssuer.Path);
        }

        await ReadAsync(cancellationToken);
        return Page();
    }

    public async Task<IActionResult> OnPostAsync(CancellationToken cancellationToken)
    {
        await ReadAsync(cancellationToken);
        if (Invitee is not { } invitee || Other is not null)
            return Page();
        if (Core.Accounts.DisplayName.Parse(DisplayName).Problem is { } problem)
            this.Show(problem);
        this.ShowPasswordProblems(Password, Repeat, invitee.Username, invitee.Email, invitee.OrganizationName);
        if (!ModelState.IsValid)
            return Page();
        SignInStart? start = null;
        var refused = await invitations.AcceptAsync(_link.Read(HttpContext), DisplayName, Password,
            async person => start = await sessions.StartAsync(HttpContext, person.UserId, person.OrganizationId, "pwd", cancellationToken), cancellationToken);
        if (refused is null)
        {
            _link.Forget(HttpContext);
            return this.SeeOther(start!.Next(LocalAddress.Start));
        }

        await ReadAsync(cancellationToken);
        this.Show(refused);
        return Page();
    }

    private async Task ReadAsync(CancellationToken cancellationToken)
    {
        Invitee = await invitations.FindAsync(_link.Read(HttpContext), cancellationToken);
        Other = SignedIn.From(HttpContext)?.Username;
        if (Invitee is { } person)
        {
            Providers = [.. (await database.IdentityProviders.AsNoTracking().Where(provider => provider.OrganizationId == person.OrganizationId && provider.Enabled).OrderBy(provider => provider.Name)
                .Select(provider => new { provider.Id, provider.Name, provider.Organization!.Slug }).ToListAsync(cancellationToken))
                .Select(provider => (provider.Name, $"/sign-in/{provider.Slug}?provider={provider.Id}&invitation=1"))];
        }

        if (Invitee is null)
            Response.StatusCode = InvitationIssuer.CodeRefused.StatusCode();
        else if (Other is not null)
            Response.StatusCode = StatusCodes.Status403Forbidden;
    }
}
