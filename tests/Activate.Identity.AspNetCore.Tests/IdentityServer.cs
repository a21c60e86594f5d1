using Activate.Identity.Core.Organizations;
using Activate.Identity.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace Activate.Identity.AspNetCore.Tests;

/// <summary>One real server for all tests, whose clock only they move: they run one after another. Each has a resource server and users of its own.</summary>
public sealed class IdentityServer : IAsyncLifetime
{
    public const string Secret = "pws_the secret/of+the=resource:server";
    private int _names;

    public TestServer Server { get; private set; } = null!;

    public string Base => Server.Origin.GetLeftPart(UriPartial.Authority);

    /// <summary>The audience that every credential with the scope <c>platform</c> has.</summary>
    public string Platform => $"{Base}/platform";

    public async ValueTask InitializeAsync() => Server = await TestServer.StartAsync(new TestServerOptions { FakeClock = true });

    public ValueTask DisposeAsync() => Server.DisposeAsync();

    public string NewName(string prefix = "rs") => $"{prefix}{Interlocked.Increment(ref _names)}";

    /// <summary>The sample, registered for an audience.</summary>
    internal async Task<SampleServer> ResourceServerAsync(string? audience = null, Guid? organizationId = null, Action<ActivateIdentityOptions>? change = null,
        Action<IServiceCollection>? services = null)
    {
        var client = NewName();
        await Server.RegisterApplicationAsync(client, Secret, audience ?? Platform, organizationId);
        return Sample(client, Secret, audience ?? Platform, change, services);
    }

    internal SampleServer Sample(string client, string secret, string audience, Action<ActivateIdentityOptions>? change = null, Action<IServiceCollection>? services = null) => new(
        new Dictionary<string, string?>
        {
            ["ActivateIdentity:Issuer"] = Base, ["ActivateIdentity:ClientId"] = client, ["ActivateIdentity:ClientSecret"] = secret, ["ActivateIdentity:Audiences:0"] = audience,
        },
        Server.Clock,
        collection =>
        {
            // A machine under load is slow, not down.
            collection.Configure<ActivateIdentityOptions>(options => options.Timeout = TimeSpan.FromSeconds(30));
            if (change is not null)
                collection.Configure(change);
            services?.Invoke(collection);
        });

    /// <summary>A user with a session and an API key.</summary>
    public async Task<(string Username, string Session, ApiKeyAnswer Key)> PersonAsync(Guid? organizationId = null, string[]? scopes = null)
    {
        var (user, session) = await Server.AddPersonAsync(Role.Member, organizationId);
        return (user.UserName!, session, await Server.CreateApiKeyAsync(session, "key", new { name = "key", scopes = scopes ?? ["platform"] }));
    }
}

[CollectionDefinition(Name)]
public sealed class IdentityServerTests : ICollectionFixture<IdentityServer>
{
    public const string Name = "identity server";
}
