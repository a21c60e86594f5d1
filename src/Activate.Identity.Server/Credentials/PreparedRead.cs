using System.Data.Common;
using Activate.Identity.Data;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Credentials;

/// <summary>One query, written in LINQ, translated and prepared once per connection: an indexed read at the price of the database alone.</summary>
/// <param name="scopes">Where a connection comes from.</param>
/// <param name="query">The query of a key.</param>
/// <param name="example">Any key.</param>
/// <param name="materialize">Folds the rows into one answer: the row, and what came of those before it (null for the first).</param>
/// <param name="value">The value of a parameter, by the name that the query gives it, or null for one that stays as it is; itself null: the key is the only parameter.</param>
internal sealed class PreparedRead<TKey, TRow>(
    IServiceScopeFactory scopes, Func<ActivateDbContext, TKey, IQueryable> query, TKey example, Func<DbDataReader, TRow?, TRow> materialize, Func<TKey, string, object?>? value = null)
    : IAsyncDisposable
    where TKey : notnull
    where TRow : class
{
    private readonly PreparedCommand _command = new(scopes, database => query(database, example).CreateDbCommand());

    /// <summary>What the rows come to, or null when there is none.</summary>
    public ValueTask<TRow?> ReadAsync(TKey key, CancellationToken cancellationToken) => _command.RunAsync(
        command =>
        {
            foreach (DbParameter parameter in command.Parameters)
            {
                if ((value is null ? key : value(key, parameter.ParameterName)) is { } one)
                    parameter.Set(one);
            }
        },
        FoldAsync, repeatable: true, cancellationToken);

    public ValueTask DisposeAsync() => _command.DisposeAsync();

    private async ValueTask<TRow?> FoldAsync(DbCommand command, CancellationToken cancellationToken)
    {
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        TRow? row = null;
        while (await reader.ReadAsync(cancellationToken))
            row = materialize(reader, row);
        return row;
    }
}
