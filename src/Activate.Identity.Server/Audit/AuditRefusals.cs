using System.Collections.Concurrent;
using Activate.Identity.Core.Errors;
using Activate.Identity.Data;
using Activate.Identity.Data.Applications;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Web;

namespace Activate.Identity.Server.Audit;

/// <summary>
/// Writes down what is refused to a credential that counts (a key that tries to make keys, a member who tries what administrators do, a lifetime beyond the policy), and
/// who calls as an application without its secret. The same refusal is written once in ten minutes and node, so that a program that tries again and again does not fill the log.
/// </summary>
public sealed class AuditRefusals(IServiceScopeFactory scopes, TimeProvider clock, ILogger<AuditRefusals> logger)
{
    private const int MostRemembered = 10_000;
    private static readonly TimeSpan s_once = TimeSpan.FromMinutes(10);

    private readonly ConcurrentDictionary<(Guid Subject, string What), long> _written = new();

    public Task RecordAsync(HttpContext context, Caller caller, Problem problem)
    {
        var what = $"{context.Request.Method} {(context.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText}: {problem.Code}";
        return !IsNew((caller.CredentialId, what)) ? Task.CompletedTask : WriteAsync(audit => audit.Add(AuditTypes.AccessRefused, caller.IsApplication ? null : caller.ToActor(),
            caller.CredentialId, caller.ClientId, what, succeeded: false, organization: caller.OrganizationId == Guid.Empty ? null : caller.OrganizationId));
    }

    /// <summary>Somebody called as an application, and did not prove to be it.</summary>
    public Task RecordAsync(HttpContext context, Application application)
    {
        var (path, address) = (context.Request.Path.Value, context.RemoteAddress());
        return !IsNew((application.Id, $"{path} {address}")) ? Task.CompletedTask : WriteAsync(audit => audit.Add(AuditTypes.ApplicationAuthenticationFailed,
            subject: application.Id, clientId: application.ClientId, detail: path, succeeded: false, organization: application.OrganizationId, address: address));
    }

    private async Task WriteAsync(Action<AuditTrail> add)
    {
        try
        {
            // A context of its own: the request's may hold what was refused.
            await using var scope = scopes.CreateAsyncScope();
            add(scope.ServiceProvider.GetRequiredService<AuditTrail>());
            await scope.ServiceProvider.GetRequiredService<ActivateDbContext>().SaveChangesAsync(CancellationToken.None);
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            // Refused it was, whether or not that can be written down.
            logger.LogWarning(exception, "A refusal could not be written to the audit log");
        }
    }

    private bool IsNew((Guid, string) refusal)
    {
        if (_written.Count >= MostRemembered)
            _written.Clear();
        if (_written.TryGetValue(refusal, out var at) && clock.GetElapsedTime(at) < s_once)
            return false;
        _written[refusal] = clock.GetTimestamp();
        return true;
    }
}
