using System.Collections;
using System.Collections.Concurrent;
using System.Data.Common;
using System.Linq.Expressions;
using System.Reflection;
using Activate.Identity.Data;
using Activate.Identity.Data.Providers.SqlServer;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Query;
using Microsoft.EntityFrameworkCore.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.SqlServer.TransactSql.ScriptDom;

namespace Activate.Identity.Testing;

/// <summary>
/// Translates for SQL Server, which is not there, every query that EF Core compiles for a test server, and reads the result with Microsoft's parser. A query that
/// SQL Server could not take is refused where it is made, so that the test which makes it fails.
/// </summary>
public sealed class SqlServerTranslation : IQueryExpressionInterceptor
{
    /// <summary>One for all contexts: EF Core would otherwise make its services anew for each.</summary>
    public static readonly SqlServerTranslation Instance = new();

    private static readonly MethodInfo s_compile = typeof(IDatabase).GetMethod(nameof(IDatabase.CompileQuery))!;

    private readonly ConcurrentDictionary<string, string> _translated = new();
    private readonly ServiceProvider _services;

    private SqlServerTranslation() => _services = new ServiceCollection()
        .ConfigureDbContext<SqlServerActivateDbContext>(options => options.AddInterceptors(Capture.Instance))
        .AddActivateDatabase(new DatabaseOptions { Provider = DatabaseProvider.SqlServer, ConnectionString = "Server=none" }).BuildServiceProvider();

    /// <summary>The Transact-SQL of every query so far.</summary>
    public ICollection<string> Translated => _translated.Keys;

    public Expression QueryCompilationStarting(Expression queryExpression, QueryExpressionEventData eventData)
    {
        if (eventData.Context is ActivateDbContext and not SqlServerActivateDbContext)
            Translate(queryExpression);
        return queryExpression;
    }

    /// <summary>The query as Transact-SQL; refuses what has none, or what the parser does not take.</summary>
    public string Translate(Expression query)
    {
        using var scope = _services.CreateScope();
        var database = scope.ServiceProvider.GetRequiredService<ActivateDbContext>();
        var moved = new MoveTo(database);
        var expression = moved.Visit(query);
        var result = typeof(IQueryable).IsAssignableFrom(expression.Type)
            ? typeof(IEnumerable<>).MakeGenericType(expression.Type.GetInterfaces().Append(expression.Type).First(type => type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IQueryable<>)).GetGenericArguments())
            : expression.Type;
        string sql;
        try
        {
            var run = (Delegate)s_compile.MakeGenericMethod(result).Invoke(database.GetService<IDatabase>(), [expression, false])!;
            var context = database.GetService<IQueryContextFactory>().Create();
            foreach (var (name, value) in moved.Parameters)
                context.Parameters[name] = value;
            if (run.DynamicInvoke(context) is IEnumerable rows)
                rows.GetEnumerator().MoveNext();
            throw new InvalidOperationException("No command was run.");
        }
        catch (Exception exception) when (Captured.In(exception) is { } captured)
        {
            sql = captured.Sql;
        }
        catch (Exception exception)
        {
            throw new InvalidOperationException($"There is no Transact-SQL for a query: {ExpressionPrinter.Print(query)}", exception);
        }

        using var reader = new StringReader(sql);
        new TSql160Parser(initialQuotedIdentifiers: true).Parse(reader, out var errors);
        if (errors.Count > 0)
            throw new InvalidOperationException($"SQL Server would not take a query: {errors[0].Line}:{errors[0].Column} {errors[0].Message}\n{sql}");
        _translated.TryAdd(sql, sql);
        return sql;
    }

    /// <summary>The same query on another model, with some value for each parameter.</summary>
    private sealed class MoveTo(ActivateDbContext database) : ExpressionVisitor
    {
        public Dictionary<string, object?> Parameters { get; } = [];

        protected override Expression VisitExtension(Expression node)
        {
            switch (node)
            {
                case EntityQueryRootExpression root:
                    return new EntityQueryRootExpression(database.Model.FindEntityType(root.EntityType.Name)!);
                case QueryParameterExpression parameter:
                    Parameters[parameter.Name] = Example(parameter.Type);
                    return node;
                default:
                    return base.VisitExtension(node);
            }
        }

        private static object? Example(Type type)
        {
            type = Nullable.GetUnderlyingType(type) ?? type;
            if (type == typeof(string))
                return "x";
            if (type == typeof(byte[]))
                return new byte[32];
            if (type.IsArray)
                return Several(type.GetElementType()!);
            if (type.GetInterfaces().Append(type).FirstOrDefault(it => it.IsGenericType && it.GetGenericTypeDefinition() == typeof(IEnumerable<>)) is { } many)
            {
                var several = Several(many.GetGenericArguments()[0]);
                return type.IsInstanceOfType(several) ? several : Activator.CreateInstance(type, several);
            }

            return type.IsValueType ? Activator.CreateInstance(type) : null;
        }

        private static Array Several(Type element)
        {
            var array = Array.CreateInstance(element, 2);
            array.SetValue(Example(element), 0);
            array.SetValue(Example(element), 1);
            return array;
        }
    }

    /// <summary>Ends every command before it would be run: its text is all that is wanted.</summary>
    private sealed class Capture : DbCommandInterceptor, IDbConnectionInterceptor
    {
        public static readonly Capture Instance = new();

        public InterceptionResult ConnectionOpening(DbConnection connection, ConnectionEventData eventData, InterceptionResult result) => InterceptionResult.Suppress();

        public override DbCommand CommandInitialized(CommandEndEventData eventData, DbCommand result) => throw new Captured(result.CommandText);
    }

    private sealed class Captured(string sql) : Exception("Not run.")
    {
        public string Sql => sql;

        public static Captured? In(Exception? exception) => exception is null ? null : exception as Captured ?? In(exception.InnerException);
    }
}
