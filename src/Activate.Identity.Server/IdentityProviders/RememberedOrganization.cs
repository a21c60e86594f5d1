using Activate.Identity.Core.Organizations;
using Activate.Identity.Server.Web;

namespace Activate.Identity.Server.IdentityProviders;

/// <summary>Where somebody signed in last in this browser, so that nobody types it twice: a cookie with the slug of an organization, which opens nothing.</summary>
public sealed class RememberedOrganization(PublicOrigin origin)
{
    private readonly string _name = origin.IsHttps ? "__Host-activate-organization" : "activate-organization";

    public string? Read(HttpContext context) => OrganizationName.ParseSlug(context.Request.Cookies[_name]).TryGet(out var slug, out _) ? slug : null;

    public void Keep(HttpContext context, string slug) => context.Response.Cookies.Append(_name, slug, new CookieOptions
    {
        HttpOnly = true, Secure = origin.IsHttps, SameSite = SameSiteMode.Lax, Path = "/", MaxAge = TimeSpan.FromDays(365),
    });
}
