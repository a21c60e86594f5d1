using System.Data.Common;
using Activate.Identity.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Metadata;
using Microsoft.EntityFrameworkCore.Storage;

namespace Activate.Identity.Server.Web;

/// <summary>One INSERT or UPDATE of the hot paths, prepared once and then run with nothing but new values; on SQLite it takes its turn in the <see cref="WriteQueue"/>.</summary>
/// <param name="scopes">Where a connection comes from.</param>
/// <param name="queue">Where it takes its turn.</param>
/// <param name="make">Makes the command on an open connection.</param>
/// <param name="waitsForDisk">False: what a power loss takes is asked for again (docs/decisions/0025); the death of the server takes nothing.</param>
internal sealed class QueuedWrite(IServiceScopeFactory scopes, WriteQueue queue, Func<ActivateDbContext, DbCommand> make, bool waitsForDisk = true) : IAsyncDisposable
{
    private readonly PreparedCommand _alone = new(scopes, make);
    private bool? _queued;

    public bool WaitsForDisk => waitsForDisk;

    /// <summary>Makes the command on an open connection.</summary>
    public DbCommand Make(ActivateDbContext database) => make(database);

    /// <summary>Runs it and answers how many rows it changed. A unique index that refuses is a <see cref="DbException"/>.</summary>
    /// <param name="bind">Sets the values.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public ValueTask<int> RunAsync(Action<DbCommand> bind, CancellationToken cancellationToken) => (_queued ??= HasOneWriter())
        ? queue.RunAsync(this, bind, cancellationToken)
        : _alone.RunAsync(bind, static async (command, cancellation) => await command.ExecuteNonQueryAsync(cancellation), repeatable: false, cancellationToken);

    public ValueTask DisposeAsync() => _alone.DisposeAsync();

    /// <summary>An UPDATE of a table, with each parameter of the type of a column.</summary>
    /// <param name="database">Where.</param>
    /// <param name="sql">Plain SQL of all three databases.</param>
    /// <param name="parameters">In the order in which they will be set: the parameter, and the property of the column.</param>
    public static DbCommand Update<TEntity>(ActivateDbContext database, string sql, params ReadOnlySpan<(string Parameter, string Property)> parameters)
    {
        var entity = database.Model.FindEntityType(typeof(TEntity))!;
        var command = Command(database, sql);
        foreach (var (parameter, property) in parameters)
            Add(command, parameter, entity.FindProperty(property)!);
        return command;
    }

    internal static DbCommand Command(ActivateDbContext database, string sql)
    {
        var command = database.Database.GetDbConnection().CreateCommand();
#pragma warning disable CA2100 // Constants, and the names of our own tables and columns.
        command.CommandText = sql;
#pragma warning restore CA2100
        return command;
    }

    internal static void Add(DbCommand command, string name, IProperty property) =>
        command.Parameters.Add(property.GetRelationalTypeMapping().CreateParameter(command, name, null, property.IsNullable));

    private bool HasOneWriter()
    {
        using var scope = scopes.CreateScope();
        return scope.ServiceProvider.GetRequiredService<ActivateDbContext>().HasOneWriter;
    }
}

/// <summary>The INSERT of one row, prepared once: EF Core's model says table, columns and types, without its tracking of changes (200 µs).</summary>
internal sealed class QueuedInsert<TEntity> : IAsyncDisposable
    where TEntity : class
{
    private readonly QueuedWrite _write;
    private IProperty[] _columns = [];

    /// <inheritdoc cref="QueuedWrite(IServiceScopeFactory, WriteQueue, Func{ActivateDbContext, DbCommand}, bool)"/>
    public QueuedInsert(IServiceScopeFactory scopes, WriteQueue queue, bool waitsForDisk = true) => _write = new QueuedWrite(scopes, queue, Make, waitsForDisk);

    /// <summary>Inserts a row; its key is set already. A unique index that refuses is a <see cref="DbException"/>.</summary>
    public async ValueTask RunAsync(TEntity row, CancellationToken cancellationToken) => await _write.RunAsync(
        command =>
        {
            for (var i = 0; i < _columns.Length; i++)
            {
                var value = _columns[i].GetGetter().GetClrValue(row);
                command.Parameters[i].Value = (value is null || _columns[i].GetTypeMapping().Converter is not { } converter ? value : converter.ConvertToProvider(value)) ?? DBNull.Value;
            }
        },
        cancellationToken);

    public ValueTask DisposeAsync() => _write.DisposeAsync();

    private DbCommand Make(ActivateDbContext database)
    {
        var entity = database.Model.FindEntityType(typeof(TEntity))!;
        var table = StoreObjectIdentifier.Table(entity.GetTableName()!, entity.GetSchema());
        var names = database.GetService<ISqlGenerationHelper>();
        IProperty[] columns = [.. entity.GetProperties()];
        var command = QueuedWrite.Command(database,
            $"""
            INSERT INTO {names.DelimitIdentifier(table.Name, table.Schema)} ({string.Join(", ", columns.Select(column => names.DelimitIdentifier(column.GetColumnName(table)!)))})
            VALUES ({string.Join(", ", columns.Select((_, i) => $"@p{i}"))})
            """);
        for (var i = 0; i < columns.Length; i++)
            QueuedWrite.Add(command, $"@p{i}", columns[i]);
        _columns = columns;
        return command;
    }
}
