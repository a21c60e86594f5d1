using Activate.Identity.Testing;

namespace Activate.Identity.Server.Tests.Connect;

/// <summary>One server for all tests of a class: each test brings users and applications of its own.</summary>
public class SharedServer : IAsyncLifetime
{
    private int _names;

    public TestServer Server { get; private set; } = null!;

    protected virtual TestServerOptions Options => new();

    /// <summary>A name that no other test of the class uses.</summary>
    public string NewName(string prefix = "user") => $"{prefix}{Interlocked.Increment(ref _names)}";

    public virtual async ValueTask InitializeAsync() => Server = await TestServer.StartAsync(Options);

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await Server.DisposeAsync();
    }

    /// <summary>A browser with a new user signed in.</summary>
    public async Task<(string Username, Browser Browser)> NewUserAsync(Core.Organizations.Role role = Core.Organizations.Role.Member, Guid? organizationId = null)
    {
        var name = NewName();
        await Server.CreateUserAsync(name, role, organizationId);
        return (name, await Server.SignInAsync(username: name, password: TestServer.UserPassword));
    }
}

/// <summary>Its clock moves only when a test moves it; tests of one class run one after another.</summary>
public sealed class SharedServerWithClock : SharedServer
{
    protected override TestServerOptions Options => new() { FakeClock = true };
}

/// <summary>Two nodes on one database.</summary>
public sealed class SharedNodes : SharedServer
{
    protected override TestServerOptions Options => new() { Nodes = 2 };
}

public sealed class SharedNodesWithClock : SharedServer
{
    protected override TestServerOptions Options => new() { Nodes = 2, FakeClock = true };
}
