using Activate.Identity.Testing;

namespace Activate.Identity.Server.Tests;

/// <summary>One server for a class of tests.</summary>
public class ServerFixture : IAsyncLifetime
{
    public TestServer Server { get; private set; } = null!;

    protected virtual TestServerOptions Options => new();

    public async ValueTask InitializeAsync() => Server = await TestServer.StartAsync(Options);

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        GC.SuppressFinalize(this);
    }
}

/// <summary>One server whose clock only the tests move.</summary>
public sealed class FakeClockFixture : ServerFixture
{
    protected override TestServerOptions Options => new() { FakeClock = true };
}
