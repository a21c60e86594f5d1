using System.Data.Common;
using Activate.Identity.Data.Providers.Sqlite;
using Microsoft.AspNetCore.Builder;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.Extensions.DependencyInjection;

namespace Activate.Identity.Server.Tests.Web;

/// <summary>Makes every database command of a server fail as a bug of ours would, once it is switched on.</summary>
internal sealed class ApiFaultInjection : DbCommandInterceptor
{
    public bool On { get; set; }

    public void AddTo(WebApplicationBuilder builder) => builder.Services.ConfigureDbContext<SqliteActivateDbContext>(options => options.AddInterceptors(this));

    public override ValueTask<InterceptionResult<DbDataReader>> ReaderExecutingAsync(DbCommand command, CommandEventData eventData, InterceptionResult<DbDataReader> result, CancellationToken cancellationToken = default) =>
        On ? throw new InvalidOperationException("canary in the cause") : ValueTask.FromResult(result);
}
