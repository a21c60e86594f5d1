using System.Data.Common;
using Activate.Identity.Data.Providers.PostgreSql;
using Activate.Identity.Data.Providers.Sqlite;
using Activate.Identity.Data.Providers.SqlServer;
using Microsoft.AspNetCore.Builder;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.Extensions.DependencyInjection;

namespace Activate.Identity.Server.Tests.Web;

/// <summary>Makes every query of a server fail, once it is switched on: as a bug of ours would, unless told otherwise.</summary>
internal sealed class ApiFaultInjection : DbCommandInterceptor
{
    public bool On { get; set; }

    public Exception Cause { get; init; } = new InvalidOperationException("canary in the cause");

    public void AddTo(WebApplicationBuilder builder) => builder.Services
        .ConfigureDbContext<SqliteActivateDbContext>(options => options.AddInterceptors(this))
        .ConfigureDbContext<SqlServerActivateDbContext>(options => options.AddInterceptors(this))
        .ConfigureDbContext<PostgreSqlActivateDbContext>(options => options.AddInterceptors(this));

    public override ValueTask<InterceptionResult<DbDataReader>> ReaderExecutingAsync(DbCommand command, CommandEventData eventData, InterceptionResult<DbDataReader> result, CancellationToken cancellationToken = default) =>
        On ? throw Cause : ValueTask.FromResult(result);
}
