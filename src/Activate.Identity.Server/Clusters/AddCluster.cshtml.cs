using Activate.Identity.Core.Errors;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc.RazorPages;

namespace Activate.Identity.Server.Clusters;

/// <summary>The form of a new cluster, for administrators; its answer holds the cluster's key, once.</summary>
[Authorize]
public sealed class AddClusterPage(ClusterRegistry registry, OneTimeForms forms, TimeProvider clock) : PageModel
{
    public Administration Access { get; private set; } = null!;

    public ClusterFields Fields { get; private set; } = ClusterFields.New;

    /// <summary>The value of the hidden field <c>Form</c>.</summary>
    public string FormId { get; private set; } = "";

    public RegisteredCluster? Registered { get; private set; }

    public bool SentBefore { get; private set; }

    public void OnGet() => Read();

    public async Task OnPostAsync(CancellationToken cancellationToken)
    {
        Read();
        if (!Access.IsAdmin)
            return;
        var sent = await Request.ReadFormAsync(cancellationToken);
        Fields = ClusterFields.Sent(sent, isNew: true);
        Problem? problem;
        if (Access.Refusal is { } refusal)
            problem = refusal;
        else if (forms.Read(sent["Form"], Access.Person.UserId) is not { } form)
            problem = OneTimeForms.OutOfDate;
        else if (Fields.ToAccess().TryGet(out var access, out problem)
            && (await registry.CreateAsync(Access.Person.ToActor(), Fields.Name, Fields.Address, access, cancellationToken, form)).TryGet(out var registered, out problem))
            Registered = registered;
        if (problem is null)
            return;
        SentBefore = problem == OneTimeForms.Spent;
        this.Show(problem, ClusterFields.FieldOf(problem));
    }

    private void Read()
    {
        Access = Administration.Of(HttpContext, clock);
        FormId = forms.Issue(Access.Person.UserId);
        if (!Access.IsAdmin)
            this.Show(ClustersPage.AdminRequired);
    }
}
