using Activate.Identity.Core;
using Activate.Identity.Core.Errors;
using Activate.Identity.Server.Accounts;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc.RazorPages;

namespace Activate.Identity.Server.Tokens;

/// <summary>The form of a generated token, and the token, once.</summary>
[Authorize]
[RecentSignIn]
public sealed class GenerateTokenPage(TokenIssuer tokens, SecretForm form, TimeProvider clock) : PageModel
{
    public SecretForm Form => form;

    public Task OnGetAsync(CancellationToken cancellationToken) => form.ShowAsync(this, policy => policy.Tokens, cancellationToken);

    public Task OnPostAsync(CancellationToken cancellationToken) => form.SendAsync(this, policy => policy.Tokens, async (owner, giver, hours, scopes, id) =>
    {
        if (!(await tokens.CreateAsync(owner.ToActor(), giver, owner.OrganizationSlug, null, hours, scopes, cancellationToken, id)).TryGet(out var issued, out var problem))
            return problem;
        return new Secret("Your new token", issued.Grant.Name, issued.Token, new Moment(issued.Grant.ExpiresAt, clock.Now()), Scopes.Split(issued.Grant.Scopes), "actid auth token");
    }, cancellationToken);
}
