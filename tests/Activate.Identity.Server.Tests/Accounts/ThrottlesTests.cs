using Activate.Identity.Data;
using Activate.Identity.Server.Accounts;
using Activate.Identity.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace Activate.Identity.Server.Tests.Accounts;

public sealed class ThrottlesTests
{
    [Theory]
    [EachDatabase]
    public async Task Exactly_the_limit_is_let_through_on_two_nodes_and_again_in_the_next_window(DatabaseProvider provider)
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { Nodes = 2, Database = provider, FakeClock = true });
        for (var window = 0; window < 3; window++)
        {
            var taken = await Task.WhenAll(Enumerable.Range(0, 40).Select(i => Task.Run(() => TakeAsync(i % 2))));
            Assert.Equal(5, taken.Count(ok => ok));
            Assert.Equal(5, await server.Services(1).GetRequiredService<Throttles>().CountAsync("test:one", CancellationToken.None));
            Assert.Equal(0, await server.Services().GetRequiredService<Throttles>().CountAsync("test:other", CancellationToken.None));
            server.Clock!.Advance(TimeSpan.FromMinutes(10));
            Assert.Equal(0, await server.Services().GetRequiredService<Throttles>().CountAsync("test:one", CancellationToken.None));
        }

        Task<bool> TakeAsync(int node) => server.Services(node).GetRequiredService<Throttles>().TryTakeAsync("test:one", 5, TimeSpan.FromMinutes(10), CancellationToken.None);
    }
}
