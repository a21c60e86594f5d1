using System.Data.Common;
using Activate.Identity.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;

namespace Activate.Identity.Server.Web;

/// <summary>
/// One command prepared for many rows, within the context's transaction: EF Core would spend ten times as long on each row as the database does.
/// Plain SQL of all three databases, with nothing in it but constants.
/// </summary>
internal sealed class PreparedWrite : IAsyncDisposable
{
    private readonly DbCommand _command;

    private PreparedWrite(DbCommand command) => _command = command;

    /// <param name="database">With an open transaction.</param>
    /// <param name="sql">Constant text.</param>
    /// <param name="table">Whose columns the parameters have the types of.</param>
    /// <param name="parameters">Name and column, in the order in which values come.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public static async Task<PreparedWrite> PrepareAsync(
        ActivateDbContext database, string sql, string table, (string Name, string Column)[] parameters, CancellationToken cancellationToken)
    {
        var entity = database.Model.GetEntityTypes().Single(type => type.GetTableName() == table);
        var command = QueuedWrite.Command(database, sql);
        command.Transaction = database.Database.CurrentTransaction?.GetDbTransaction();
        foreach (var (name, column) in parameters)
            QueuedWrite.Add(command, name, entity.FindProperty(column)!);
        await command.PrepareSizedAsync(cancellationToken);
        return new PreparedWrite(command);
    }

    public async Task RunAsync(CancellationToken cancellationToken, params object?[] values)
    {
        for (var i = 0; i < values.Length; i++)
            _command.Parameters[i].Set(values[i]);
        await _command.ExecuteNonQueryAsync(cancellationToken);
    }

    public ValueTask DisposeAsync() => _command.DisposeAsync();
}
