using Activate.Identity.Core.Errors;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Clusters;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;

namespace Activate.Identity.Server.SshCertificates;

/// <summary>The authorities that sign the organization's SSH certificates; administrators make a new one.</summary>
[Authorize]
public sealed class CertificateAuthoritiesPage(CertificateAuthorityRegistry registry, AuditTrail audit, TimeProvider clock) : PageModel
{
    public const string Path = "/organization/ssh-certificates";

    public Administration Access { get; private set; } = null!;

    public IReadOnlyList<CertificateAuthority> Authorities { get; private set; } = [];

    public bool Rotated { get; private set; }

    public async Task OnGetAsync(Guid? made, CancellationToken cancellationToken)
    {
        await ReadAsync(cancellationToken);
        Rotated = made is { } id && await audit.JustDoneAsync(Access.Person.ToActor(), id, [AuditTypes.SshCertificateAuthorityMade], cancellationToken) is not null;
    }

    public async Task<IActionResult> OnPostRotateAsync(CancellationToken cancellationToken)
    {
        Access = Administration.Of(HttpContext, clock);
        var problem = !Access.IsAdmin ? ClustersPage.AdminRequired : Access.Refusal;
        if (problem is null && (await registry.RotateAsync(Access.Person.ToActor(), cancellationToken)).TryGet(out var added, out problem))
            return this.SeeOther($"{Path}?made={added.Row.Id}");
        this.Show(problem, "");
        await ReadAsync(cancellationToken);
        return Page();
    }

    private async Task ReadAsync(CancellationToken cancellationToken)
    {
        Access = Administration.Of(HttpContext, clock);
        Authorities = await registry.TrustedAsync(Access.Person.OrganizationId, cancellationToken);
    }
}
