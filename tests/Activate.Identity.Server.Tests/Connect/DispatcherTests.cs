using Activate.Identity.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using OpenIddict.Server;

namespace Activate.Identity.Server.Tests.Connect;

/// <summary>What <c>Dispatcher</c> takes for granted of OpenIddict, so that a new version of it cannot break that silently.</summary>
public sealed class DispatcherTests(SharedServer shared) : IClassFixture<SharedServer>
{
    [Fact]
    public void Filters_and_handlers_without_a_scope_are_the_same_for_every_request()
    {
        using var one = shared.Server.Services().CreateScope();
        using var other = shared.Server.Services().CreateScope();
        var handlers = one.ServiceProvider.GetRequiredService<IOptionsMonitor<OpenIddictServerOptions>>().CurrentValue.Handlers;
        var once = handlers.SelectMany(handler => handler.FilterTypes)
            .Concat(handlers.Where(handler => handler.ServiceDescriptor.Lifetime == ServiceLifetime.Singleton).Select(handler => handler.ServiceDescriptor.ServiceType)).Distinct().ToList();
        Assert.True(once.Count > 50);
        Assert.All(once, type => Assert.Same(one.ServiceProvider.GetRequiredService(type), other.ServiceProvider.GetRequiredService(type)));
    }
}
