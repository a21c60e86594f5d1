using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.Extensions.DependencyInjection;

namespace Activate.Identity.Server.Tests.Web;

/// <summary>Makes the server fail where a test wants it to.</summary>
internal static class ApiFaultInjection
{
    /// <summary>Requests with ?fault=1 fail when the request's services are first asked for their accessor: deep inside, as a bug would.</summary>
    public static void AddSingletonFault(this IServiceCollection services) => services.AddSingleton<IStartupFilter, Fault>();

    private sealed class Fault : IStartupFilter
    {
        public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
        {
            next(app);
        };
    }
}
