using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Tests.Connect;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Activate.Identity.Server.Tests.Conformance;

[CollectionDefinition]
public sealed class ConformanceCollection : ICollectionFixture<ConformanceServer>;

/// <summary>
/// The server of all modules, one after another: an https issuer as the suite insists on, one person, an application for each module. It writes the table when all have run.
/// </summary>
public sealed class ConformanceServer : SharedServer, IAsyncLifetime
{
    public const string Username = "grace", Secret = "s3cret of the conformance modules";

    protected override TestServerOptions Options => new()
    {
        FakeClock = true,
        Settings = new Dictionary<string, string?> { ["Server:PublicOrigin"] = "https://id.example.test" },
    };

    internal Discovery Discovery { get; private set; } = null!;

    internal ConformanceReport Results { get; } = new();

    async ValueTask IAsyncLifetime.InitializeAsync()
    {
        await InitializeAsync();
        await Server.CreateUserAsync(Username);
        Discovery = await Discovery.ReadAsync(Server);
    }

    async ValueTask IAsyncDisposable.DisposeAsync()
    {
        await DisposeAsync();
        Results.Write();
    }

    /// <summary>A confidential application. Most plans of the suite send no PKCE, which one that is marked for it may leave out; FAPI wants one that has to push its requests.</summary>
    internal async Task<string> RegisterAsync(bool pkceExempt)
    {
        var client = NewName("conformance");
        await Server.RegisterApplicationAsync(client, Secret);
        await ChangeAsync(client, pkceExempt);
        return client;
    }

    internal async Task ChangeAsync(string client, bool pkceExempt)
    {
        var (settings, requirements) = pkceExempt ? ("""{"pkce_exempt":"true"}""", null) : ((string?)null, """["ft:par"]""");
        await Server.QueryAsync(database => database.Applications.Where(a => a.ClientId == client)
            .ExecuteUpdateAsync(set => set.SetProperty(a => a.Settings, settings).SetProperty(a => a.Requirements, requirements)));
        Server.Services().GetRequiredService<CredentialCache>().Forget();
    }
}
