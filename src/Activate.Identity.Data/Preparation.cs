using System.Data;
using System.Data.Common;
using Microsoft.Data.SqlClient;

namespace Activate.Identity.Data;

/// <summary>Prepares a command once for many runs.</summary>
public static class Preparation
{
    /// <summary>
    /// SqlClient prepares no parameter of a type that it does not count among those of fixed length, unless its size is said; <c>datetime2</c> is one, and EF Core says none.
    /// </summary>
    public static Task PrepareSizedAsync(this DbCommand command, CancellationToken cancellationToken)
    {
        SizeParameters(command);
        return command.PrepareAsync(cancellationToken);
    }

    /// <summary>Says the size of each parameter that is refused without.</summary>
    public static void SizeParameters(DbCommand command)
    {
        foreach (DbParameter parameter in command.Parameters)
        {
            // Bytes of a datetime2(7).
            if (parameter is SqlParameter { SqlDbType: SqlDbType.DateTime2, Size: 0 })
                parameter.Size = 8;
        }
    }
}
