using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Activate.Identity.Data;
using Activate.Identity.Data.Providers.PostgreSql;
using Activate.Identity.Data.Providers.Sqlite;
using Activate.Identity.Server;
using Activate.Identity.Server.Accounts;
using Activate.Identity.Server.Connect;
using Activate.Identity.Server.Keys;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.Setup;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Builder;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Time.Testing;

namespace Activate.Identity.Testing;

/// <summary>How a <see cref="TestServer"/> is to be.</summary>
public sealed record TestServerOptions
{
    /// <summary>Nodes on one database.</summary>
    public int Nodes { get; init; } = 1;
    public DatabaseProvider Database { get; init; } = TestDatabases.Chosen;
    /// <summary>A clock that only <see cref="TestServer.Clock"/> moves; otherwise the real one.</summary>
    public bool FakeClock { get; init; }
    /// <summary>False: no first owner, as after a fresh installation.</summary>
    public bool Owner { get; init; } = true;
    /// <summary>More settings, e.g. <c>Policy:Ceiling:Tokens:MaximumHours</c>.</summary>
    public IReadOnlyDictionary<string, string?> Settings { get; init; } = new Dictionary<string, string?>();
    public Action<WebApplicationBuilder>? Customize { get; init; }
}

/// <summary>
/// The real server on real Kestrel, one or more nodes on one database, with the first owner <see cref="OwnerName"/>. Every node answers under the same
/// public origin, as behind a load balancer; a client chooses the node it talks to. <c>ACTIVATE_TEST_NODES=2</c> puts two nodes wherever a test asks for one, and each
/// request goes to the other one than that before.
/// </summary>
public sealed partial class TestServer : IAsyncDisposable
{
    public const string OwnerName = "ada";
    public const string OwnerPassword = "analytical engine no. 1";
    public const string OwnerEmail = "ada@example.test";
    public const string OrganizationName = "Hydrology Lab";

    private static readonly int s_nodesForOne = int.TryParse(Environment.GetEnvironmentVariable("ACTIVATE_TEST_NODES"), CultureInfo.InvariantCulture, out var nodes) ? nodes : 1;

    private readonly List<WebApplication> _nodes = [];
    private readonly List<int> _ports = [];
    private readonly List<Func<Task<WebApplication>>> _starts = [];
    private readonly bool _inTurns;
    private readonly string _folder = Directory.CreateTempSubdirectory("activate-test-").FullName;
    private Func<Task> _drop = () => Task.CompletedTask;
    private int _turn = -1;

    private TestServer(string origin, bool fakeClock, bool inTurns = false)
    {
        _inTurns = inTurns;
        Origin = new Uri(origin);
        Clock = fakeClock ? new StillClock(new DateTimeOffset(2026, 11, 24, 8, 0, 0, TimeSpan.Zero)) : null;
    }

    public Uri Origin { get; }

    public int NodeCount => _ports.Count;

    public FakeTimeProvider? Clock { get; }

    /// <summary>Everything the nodes logged, at Debug and above.</summary>
    public LogCapture Logs { get; } = new();

    public static async Task<TestServer> StartAsync(TestServerOptions? options = null)
    {
        options ??= new TestServerOptions();
        var inTurns = options.Nodes == 1 && s_nodesForOne > 1;
        var ports = Enumerable.Range(0, inTurns ? s_nodesForOne : options.Nodes).Select(_ => PostgreSqlServer.FreePort()).ToArray();
        var server = new TestServer(
            Uri.TryCreate(options.Settings.GetValueOrDefault("Server:PublicOrigin"), UriKind.Absolute, out var named) ? named.OriginalString : $"http://localhost:{ports[0]}",
            options.FakeClock, inTurns);
        try
        {
            var settings = await server.SettingsAsync(options, await Prepared.ForAsync(options));
            foreach (var port in ports)
                await server.StartNodeAsync(port, settings, options);
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    private async Task<Dictionary<string, string?>> SettingsAsync(TestServerOptions options, Prepared? prepared)
    {
        prepared?.CopyTo(_folder);
        var database = options.Settings.ContainsKey("Database:ConnectionString") ? null : await TestDatabases.CreateAsync(options.Database, prepared?.Database);
        if (database is not null)
            _drop = () => TestDatabases.DropAsync(options.Database, database);
        var settings = new Dictionary<string, string?>
        {
            ["Server:PublicOrigin"] = Origin.GetLeftPart(UriPartial.Authority),
            ["Data:Folder"] = _folder,
            ["Database:Provider"] = options.Database.ToString(),
            ["Database:ConnectionString"] = database,
        };
        if (options.Owner)
        {
            settings["Setup:Organization"] = OrganizationName;
            settings["Setup:Username"] = OwnerName;
            settings["Setup:Email"] = OwnerEmail;
            settings["Setup:Password"] = OwnerPassword;
        }

        foreach (var (key, value) in options.Settings)
            settings[key] = value;
        return settings;
    }

    private async Task StartNodeAsync(int port, Dictionary<string, string?> settings, TestServerOptions options)
    {
        _starts.Add(() => StartAppAsync(port, settings, options));
        _ports.Add(port);
        _nodes.Add(await _starts[^1]());
    }

    private WebApplication Build(int port, Dictionary<string, string?> settings, TestServerOptions options) => Program.Build(["--environment", "Development"], builder =>
    {
        builder.Configuration.AddInMemoryCollection(settings);
        builder.Configuration.AddInMemoryCollection([new("Urls", $"http://127.0.0.1:{port}")]);
        if (Clock is not null)
            builder.Services.AddSingleton<TimeProvider>(Clock);
        builder.Services.AddSingleton<Serilog.Core.ILogEventSink>(Logs);
        builder.Services.ConfigureDbContext<SqliteActivateDbContext>(context => context.AddInterceptors(SqlServerTranslation.Instance));
        builder.Services.ConfigureDbContext<PostgreSqlActivateDbContext>(context => context.AddInterceptors(SqlServerTranslation.Instance));
        options.Customize?.Invoke(builder);
    });

    private async Task<WebApplication> StartAppAsync(int port, Dictionary<string, string?> settings, TestServerOptions options)
    {
        var app = Build(port, settings, options);
        try
        {
            await PrepareAsync(app);
            await app.StartAsync();
            return app;
        }
        catch
        {
            await app.DisposeAsync();
            throw;
        }
    }

    /// <summary>What the program does before it listens.</summary>
    private static async Task PrepareAsync(WebApplication app)
    {
        await app.MigrateAsync();
        await app.PrepareKeysAsync();
        await app.PrepareApplicationsAsync();
        await app.PrepareFirstOwnerAsync();
    }

    /// <summary>Stops a node, does something while it is down, and starts it again at the same port on the same database: nothing that it knew in memory is left.</summary>
    public async Task RestartAsync(Func<Task>? whileDown = null, int node = 0)
    {
        int[] restarted = [.. Behind(node)];
        foreach (var one in restarted)
        {
            await _nodes[one].StopAsync();
            await _nodes[one].DisposeAsync();
        }

        try
        {
            await (whileDown?.Invoke() ?? Task.CompletedTask);
        }
        finally
        {
            foreach (var one in restarted)
                _nodes[one] = await _starts[one]();
        }
    }

    /// <summary>The nodes that a test means by this one.</summary>
    private IEnumerable<int> Behind(int node) => _inTurns ? Enumerable.Range(0, NodeCount) : [node];

    /// <summary>Where the next request for a node goes.</summary>
    private int Next(int node) => _inTurns ? (int)((uint)Interlocked.Increment(ref _turn) % NodeCount) : node;

    /// <summary>Services of a node, for what has no endpoint.</summary>
    public IServiceProvider Services(int node = 0) => _nodes[node].Services;

    /// <summary>Reads or changes the database directly.</summary>
    public async Task<T> QueryAsync<T>(Func<ActivateDbContext, Task<T>> query, int node = 0)
    {
        await using var scope = _nodes[node].Services.CreateAsyncScope();
        return await query(scope.ServiceProvider.GetRequiredService<ActivateDbContext>());
    }

    /// <summary>A client without cookies that talks to one node under the public origin and follows no redirect.</summary>
    public HttpClient Client(int node = 0) => _inTurns ? new(new Turns(this, [.. _ports.Select(HandlerOf)])) { BaseAddress = Origin } : ClientOf(Origin, _ports[node]);

    /// <summary>A client that speaks to a public origin at another port of this machine, as a load balancer does, which ends TLS, too.</summary>
    public static HttpClient ClientOf(Uri origin, int port) => new(HandlerOf(port)) { BaseAddress = origin };

    private static Balancer HandlerOf(int port) => new(new SocketsHttpHandler
    {
        AllowAutoRedirect = false,
        UseCookies = false,
        ConnectCallback = async (_, cancellation) =>
        {
            var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            await socket.ConnectAsync(IPAddress.Loopback, port, cancellation);
            return new NetworkStream(socket, ownsSocket: true);
        },
    });

    /// <summary>Each request to the next node, when the second is over within which it may not have felt yet what ended on another.</summary>
    private sealed class Turns(TestServer server, HttpMessageHandler[] nodes) : HttpMessageHandler
    {
        private readonly HttpMessageInvoker[] _nodes = [.. nodes.Select(node => new HttpMessageInvoker(node))];

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var node = server.Next(0);
            var services = server.Services(node);
            services.GetRequiredService<Server.Credentials.CredentialCache>().Forget();
            services.GetRequiredService<PolicyReader>().Forget();
            return _nodes[node].SendAsync(request, cancellationToken);
        }

        protected override void Dispose(bool disposing)
        {
            foreach (var node in _nodes)
                node.Dispose();
            base.Dispose(disposing);
        }
    }

    /// <summary>
    /// Asks before it sends a large body, as curl does: such a body may be refused by its length, and who sends on regardless may see the connection closed before
    /// the answer. Behind an https origin the nodes speak http.
    /// </summary>
    private sealed class Balancer(HttpMessageHandler inner) : DelegatingHandler(inner)
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            if (request.RequestUri is { Scheme: "https" } address)
                request.RequestUri = new UriBuilder(address) { Scheme = "http", Port = address.IsDefaultPort ? -1 : address.Port }.Uri;
            request.Headers.ExpectContinue = request.Content is { Headers.ContentLength: null or > 64 * 1024 };
            return base.SendAsync(request, cancellationToken);
        }
    }

    /// <summary>A browser with cookies of its own, nobody signed in.</summary>
    public Browser Browser(int node = 0) => new(Origin, Enumerable.Range(0, NodeCount).Select(Client), node);

    public async ValueTask DisposeAsync()
    {
        foreach (var node in _nodes)
        {
            await node.StopAsync();
            await node.DisposeAsync();
        }

        SqliteConnection.ClearAllPools();
        await _drop();
        Directory.Delete(_folder, recursive: true);
    }
}
