using Activate.Identity.Core.Errors;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Data;
using Activate.Identity.Data.IdentityProviders;
using Activate.Identity.Server.Accounts;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.IdentityProviders;

/// <summary>
/// <c>/sign-in/{slug}</c>: straight to the provider of an organization; a choice where there are several. To connect an account takes a ticket, which only a form of the person's own makes: a
/// link from elsewhere could otherwise connect it to whoever is signed in at the provider just then.
/// </summary>
public sealed class ProviderStartPage(ActivateDbContext database, ProviderChallenge challenge, OneTimeForms forms) : PageModel
{
    /// <summary>The same for an organization that is not there, one that is suspended and one without a provider.</summary>
    private static readonly Problem s_none = new(ProblemKind.NotFound, "no_organization_sign_in",
        "No organization of this name has a sign-in of its own here. Check the name, sign in with username and password, or ask an administrator of your organization.");

    [FromQuery(Name = "returnUrl")]
    public string? ReturnUrl { get; set; }

    public string Slug { get; private set; } = "";

    /// <summary>Where there are several to choose from.</summary>
    public IReadOnlyList<IdentityProvider> Providers { get; private set; } = [];

    public Problem? Refusal { get; private set; }

    public static string PathTo(string slug, string returnUrl) => returnUrl == LocalAddress.Start ? $"/sign-in/{slug}" : $"/sign-in/{slug}?returnUrl={Uri.EscapeDataString(returnUrl)}";

    public async Task<IActionResult> OnGetAsync(string slug, Guid? provider, string? reauthenticate, string? connect, string? invitation, CancellationToken cancellationToken)
    {
        var back = LocalAddress.From(ReturnUrl);
        var person = SignedIn.From(HttpContext);
        if (!OrganizationName.ParseSlug(slug).TryGet(out var parsed, out _))
            return Refuse(s_none);
        Slug = parsed;
        var purpose = connect is not null ? ProviderPurpose.Connect : invitation is not null ? ProviderPurpose.Invitation : person is not null ? ProviderPurpose.Again : ProviderPurpose.SignIn;
        // Somebody else's ticket, or none of ours.
        if (purpose == ProviderPurpose.Connect && (person is null || forms.Read(connect, person.UserId) is null))
            return Refuse(OneTimeForms.OutOfDate);
        if (purpose == ProviderPurpose.Again && reauthenticate != "1")
            return Redirect(back);
        Providers = await database.IdentityProviders.AsNoTracking().Where(row => row.Organization!.Slug == parsed && row.Enabled && !row.Organization.Suspended)
            .OrderBy(row => row.Name).ToListAsync(cancellationToken);
        var chosen = provider is { } id ? Providers.FirstOrDefault(row => row.Id == id) : Providers.Count == 1 ? Providers[0] : null;
        if (Providers.Count == 0 || (provider is not null && chosen is null))
            return Refuse(s_none);
        if (chosen is null)
            return Page();
        return await challenge.BeginAsync(HttpContext, chosen, purpose, person?.UserId, back) is { } problem ? Refuse(problem) : new EmptyResult();
    }

    private PageResult Refuse(Problem problem)
    {
        Refusal = problem;
        Response.StatusCode = problem.StatusCode();
        return Page();
    }
}
