using Activate.Identity.Core.Errors;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;

namespace Activate.Identity.Server.Clusters;

/// <summary>One cluster, for administrators: name, address, who may log in, accounts of other names, and a new key.</summary>
[Authorize]
public sealed class ClusterDetailsPage(ClusterRegistry registry, OneTimeForms forms, AuditTrail audit, TimeProvider clock) : PageModel
{
    private static readonly Problem s_line = Problems.Invalid("accounts", "accounts_invalid", "Write one account a line, as username=account, and each username once.");

    public Administration Access { get; private set; } = null!;

    public ShownCluster Shown { get; private set; } = null!;

    public ClusterFields Fields { get; private set; } = ClusterFields.New;

    /// <summary>Lines of <c>username=account</c>.</summary>
    public string? Accounts { get; private set; }

    public string FormId { get; private set; } = "";

    public RegisteredCluster? Rotated { get; private set; }

    public bool SentBefore { get; private set; }

    public bool Done { get; private set; }

    public string Path => $"{ClustersPage.Path}/{Shown.Cluster.Id}";

    public async Task<IActionResult> OnGetAsync(Guid cluster, bool done, CancellationToken cancellationToken)
    {
        if (!await ReadAsync(cluster, cancellationToken))
            return NotFound();
        Done = done && await audit.JustDoneAsync(Access.Person.ToActor(), cluster, [AuditTypes.ClusterChanged, AuditTypes.ClusterAccountsChanged], cancellationToken) is not null;
        return Page();
    }

    public async Task<IActionResult> OnPostSaveAsync(Guid cluster, CancellationToken cancellationToken)
    {
        if (!await ReadAsync(cluster, cancellationToken))
            return NotFound();
        Fields = ClusterFields.Sent(await Request.ReadFormAsync(cancellationToken), isNew: false);
        Problem? problem = Access.Refusal;
        if (problem is null && Fields.ToAccess().TryGet(out var access, out problem))
            problem = (await registry.ChangeAsync(Access.Person.ToActor(), cluster, new ClusterChange(Fields.Name ?? "", Fields.Address ?? "", access), cancellationToken)).Problem;
        return Answer(problem, problem is null ? null : ClusterFields.FieldOf(problem));
    }

    public async Task<IActionResult> OnPostAccountsAsync(Guid cluster, CancellationToken cancellationToken)
    {
        if (!await ReadAsync(cluster, cancellationToken))
            return NotFound();
        Accounts = (await Request.ReadFormAsync(cancellationToken))["Accounts"];
        return Answer(Access.Refusal ?? (ParseLines(Accounts) is { } accounts ? (await registry.MapAsync(Access.Person.ToActor(), cluster, accounts, cancellationToken)).Problem : s_line));
    }

    public async Task<IActionResult> OnPostRotateAsync(Guid cluster, CancellationToken cancellationToken)
    {
        if (!await ReadAsync(cluster, cancellationToken))
            return NotFound();
        Problem? problem;
        if (Access.Refusal is { } refusal)
            problem = refusal;
        else if (forms.Read((await Request.ReadFormAsync(cancellationToken))["Form"], Access.Person.UserId) is not { } form)
            problem = OneTimeForms.OutOfDate;
        else if ((await registry.RotateKeyAsync(Access.Person.ToActor(), cluster, null, cancellationToken, form)).TryGet(out var rotated, out problem))
            Rotated = rotated;
        SentBefore = problem == OneTimeForms.Spent;
        if (problem is not null)
            this.Show(problem);
        return Page();
    }

    private IActionResult Answer(Problem? problem, string? field = null)
    {
        if (problem is null)
            return this.SeeOther($"{Path}?done=true");
        this.Show(problem, field);
        return Page();
    }

    private async Task<bool> ReadAsync(Guid cluster, CancellationToken cancellationToken)
    {
        Access = Administration.Of(HttpContext, clock);
        if (!Access.IsAdmin || await registry.FindAsync(Access.Person.OrganizationId, cluster, cancellationToken) is not { } shown)
            return false;
        (Shown, Fields, FormId) = (shown, ClusterFields.Of(shown), forms.Issue(Access.Person.UserId));
        Accounts = string.Join('\n', (await registry.AccountsAsync(Access.Person.OrganizationId, cluster, cancellationToken) ?? new Dictionary<string, string>()).Select(pair => $"{pair.Key}={pair.Value}"));
        return true;
    }

    private static Dictionary<string, string?>? ParseLines(string? text)
    {
        var accounts = new Dictionary<string, string?>(StringComparer.Ordinal);
        foreach (var line in text?.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) ?? [])
        {
            if (line.Split('=', StringSplitOptions.TrimEntries) is not [var username, var account] || !accounts.TryAdd(username, account))
                return null;
        }

        return accounts;
    }
}
