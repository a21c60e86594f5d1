using System.Data.Common;
using Activate.Identity.Data.Providers.SqlServer;
using Microsoft.Data.SqlClient;

namespace Activate.Identity.Data;

/// <summary>Ids for commands that are run past EF Core: on SQL Server they are stored in another order of bytes (<see cref="SqlServerIds"/>).</summary>
public static class StoredIds
{
    /// <summary>Sets the value of a parameter; an id as the database stores it.</summary>
    public static void Set(this DbParameter parameter, object? value) =>
        parameter.Value = value is Guid id && parameter is SqlParameter ? SqlServerIds.ToStored(id) : value ?? DBNull.Value;

    /// <summary>The id in a column.</summary>
    public static Guid GetId(this DbDataReader row, int column) => row is SqlDataReader ? SqlServerIds.FromStored(row.GetGuid(column)) : row.GetGuid(column);
}
