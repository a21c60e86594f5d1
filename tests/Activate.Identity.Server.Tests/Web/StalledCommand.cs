using System.Data.Common;
using Activate.Identity.Data.Providers.PostgreSql;
using Activate.Identity.Data.Providers.Sqlite;
using Activate.Identity.Data.Providers.SqlServer;
using Microsoft.AspNetCore.Builder;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.Extensions.DependencyInjection;

namespace Activate.Identity.Server.Tests.Web;

/// <summary>Holds one read of a server back, once it is switched on: the first whose text contains this, with names in the quotes of the standard. It goes on when it is released.</summary>
internal sealed class StalledCommand(string text) : DbCommandInterceptor
{
    private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public bool On { get; set; }

    public Task Reached => _reached.Task.WaitAsync(TimeSpan.FromMinutes(1));

    public void Release() => _released.SetResult();

    public void AddTo(WebApplicationBuilder builder) => builder.Services
        .ConfigureDbContext<SqliteActivateDbContext>(options => options.AddInterceptors(this))
        .ConfigureDbContext<SqlServerActivateDbContext>(options => options.AddInterceptors(this))
        .ConfigureDbContext<PostgreSqlActivateDbContext>(options => options.AddInterceptors(this));

    public override async ValueTask<InterceptionResult<DbDataReader>> ReaderExecutingAsync(DbCommand command, CommandEventData eventData, InterceptionResult<DbDataReader> result, CancellationToken cancellationToken = default)
    {
        if (On && command.CommandText.Replace('[', '"').Replace(']', '"').Contains(text, StringComparison.Ordinal) && _reached.TrySetResult())
            await _released.Task;
        return result;
    }
}
