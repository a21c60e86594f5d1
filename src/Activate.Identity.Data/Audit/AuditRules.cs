using System.Linq.Expressions;
using Activate.Identity.Data.Accounts;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.ChangeTracking;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace Activate.Identity.Data.Audit;

/// <summary>
/// What every save keeps to, whoever asks for it: an event that was written is neither changed nor deleted (retention deletes old ones by a statement of its own), and
/// each new user gets the row that names them in events.
/// </summary>
public static class AuditRules
{
    /// <summary>The tag of the one statement that may delete events: what is older than the retention.</summary>
    public const string Retention = "audit retention";

    /// <returns>The rows that were added here: if the save fails, they must not stay behind in the context.</returns>
    internal static IReadOnlyList<EntityEntry> Apply(DbContext context)
    {
        List<EntityEntry> added = [];
        foreach (var entry in context.ChangeTracker.Entries().ToList())
        {
            if (entry is { Entity: AuditEvent, State: EntityState.Modified or EntityState.Deleted })
                throw new InvalidOperationException("An audit event is never changed or deleted.");
            if (entry is { Entity: User user, State: EntityState.Added })
                added.Add(context.Add(new AuditPerson { UserId = user.Id, OrganizationId = user.OrganizationId, Username = user.UserName }));
        }

        return added;
    }
}

/// <summary>The same for statements that go by the context's memory (ExecuteUpdate, ExecuteDelete). Looked at once for each statement of the program, when it is compiled.</summary>
internal sealed class AuditStatements : IQueryExpressionInterceptor
{
    /// <summary>One for all contexts: EF Core would otherwise make its services anew for each.</summary>
    public static readonly AuditStatements Instance = new();

    public Expression QueryCompilationStarting(Expression queryExpression, QueryExpressionEventData eventData)
    {
        if (queryExpression is MethodCallExpression { Method.Name: "ExecuteUpdate" or "ExecuteDelete" } call && call.Method.GetGenericArguments()[0] == typeof(AuditEvent)
            && (call.Method.Name != "ExecuteDelete" || !IsRetention(call.Arguments[0])))
            throw new InvalidOperationException("An audit event is never changed or deleted.");
        return queryExpression;
    }

    private static bool IsRetention(Expression source)
    {
        for (; source is MethodCallExpression call; source = call.Arguments[0])
        {
            if (call is { Method.Name: "TagWith", Arguments: [_, ConstantExpression { Value: AuditRules.Retention }] })
                return true;
        }

        return false;
    }
}
