using Activate.Identity.Core;
using Activate.Identity.Core.Errors;
using Activate.Identity.Core.ServiceAccounts;
using Activate.Identity.Data;
using Activate.Identity.Data.ApiKeys;
using Activate.Identity.Server.ApiKeys;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.Web;

namespace Activate.Identity.Server.ServiceAccounts;

/// <summary>
/// The keys of service accounts, for those who keep them: whether somebody may is decided here, everything else by the issuer of personal keys. A key has no scope that its giver could
/// not give a key of their own: keeping an administrator's account makes nobody an administrator.
/// </summary>
public sealed class ServiceAccountKeys(ActivateDbContext database, ServiceAccountRegistry accounts, ApiKeyIssuer keys, PendingCuts cuts, TimeProvider clock)
{
    public Task<IReadOnlyList<ApiKey>> ListAsync(AuditActor actor, Guid account, PageQuery page, CancellationToken cancellationToken) =>
        ApiKeysApi.ReadAsync(account, actor.OrganizationId, page, database, cuts, clock.Now(), cancellationToken);

    public async Task<Result<IssuedApiKey>> CreateAsync(
        AuditActor actor, ScopeGiver giver, Guid account, ApiKeyDraft draft, bool mayAdminister, CancellationToken cancellationToken, Guid? form = null) =>
        (await OpenAsync(actor, account, mayAdminister, cancellationToken)).TryGet(out var opened, out var problem)
            ? await keys.CreateAsync(actor, giver.For(opened.Account.Role), draft, cancellationToken, form, account)
            : problem;

    public async Task<Result<IssuedApiKey>> RotateAsync(
        AuditActor actor, ScopeGiver giver, Guid account, Guid key, int? overlapHours, bool mayAdminister, CancellationToken cancellationToken, Guid? form = null) =>
        (await OpenAsync(actor, account, mayAdminister, cancellationToken)).TryGet(out var opened, out var problem)
            ? await keys.RotateAsync(actor, giver.For(opened.Account.Role), key, overlapHours, cancellationToken, account, form)
            : problem;

    public async Task<Result<ApiKey>> ChangeAsync(
        AuditActor actor, Guid account, Guid key, string? name, Optional<IReadOnlyList<string>?> allowedAddresses, bool mayAdminister, CancellationToken cancellationToken) =>
        (await OpenAsync(actor, account, mayAdminister, cancellationToken)).TryGet(out _, out var problem)
            ? await keys.ChangeAsync(actor, key, name, allowedAddresses, cancellationToken, account)
            : problem;

    /// <summary>One of them, for whoever may change it.</summary>
    public async Task<Result<ApiKey>> FindAsync(AuditActor actor, Guid account, Guid key, bool mayAdminister, CancellationToken cancellationToken) =>
        (await OpenAsync(actor, account, mayAdminister, cancellationToken)).TryGet(out _, out var problem) ? await keys.FindAsync(actor, account, key, cancellationToken) : problem;

    public async Task<Problem?> DeleteAsync(AuditActor actor, Guid account, Guid key, bool mayAdminister, CancellationToken cancellationToken) =>
        (await OpenAsync(actor, account, mayAdminister, cancellationToken)).TryGet(out _, out var problem) ? await keys.DeleteAsync(actor, key, cancellationToken, account) : problem;

    private async Task<Result<OpenedAccount>> OpenAsync(AuditActor actor, Guid account, bool mayAdminister, CancellationToken cancellationToken) =>
        !(await accounts.OpenAsync(actor, account, mayAdminister, cancellationToken)).TryGet(out var opened, out var problem) ? problem
        : opened.Account.ClusterId is null ? opened
        : ServiceAccountRules.OfCluster;
}
