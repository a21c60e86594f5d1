using Activate.Identity.Core.Organizations;
using Activate.Identity.Server.Accounts;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;

namespace Activate.Identity.Server.IdentityProviders;

/// <summary>
/// <c>/sign-in-with</c>: in which organization somebody signs in. Its answer is no redirect to the provider but a page that goes on by itself: browsers follow a form only to where its page
/// says that it leads (<c>form-action</c>), and where that is depends on what is typed. It says the same of an organization that is not there.
/// </summary>
public sealed class SignInWithPage(RememberedOrganization remembered) : PageModel
{
    public const string Path = "/sign-in-with";

    [FromQuery(Name = "returnUrl")]
    public string? ReturnUrl { get; set; }

    public string? Organization { get; private set; }

    /// <summary>Where it goes on; null: the form is shown.</summary>
    public string? Next { get; private set; }

    /// <summary>Somebody's password was right, and their organization asks for its own sign-in first.</summary>
    public bool Paused { get; private set; }

    public static string PathTo(string organization, bool paused = false) => $"{Path}?organization={organization}{(paused ? "&paused=true" : "")}";

    public void OnGet(string? organization, bool paused)
    {
        Paused = paused;
        Organization = organization?.Trim().ToLowerInvariant() ?? remembered.Read(HttpContext);
        if (organization is null)
            return;
        if (!OrganizationName.ParseSlug(Organization).TryGet(out var slug, out var problem))
        {
            this.Show(problem, nameof(Organization));
            return;
        }

        Next = ProviderStartPage.PathTo(slug, LocalAddress.From(ReturnUrl));
        // Works without JavaScript, and is no part of the form's own journey.
        Response.Headers["Refresh"] = $"{(paused ? 5 : 0)}; url={Next}";
    }
}
