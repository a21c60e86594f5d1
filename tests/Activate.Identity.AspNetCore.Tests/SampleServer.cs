using System.Net;
using System.Net.Http;
using System.Net.Http.Headers;
using Activate.Identity.AspNetCore.Credentials;
using Activate.Identity.Testing;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Activate.Identity.AspNetCore.Tests;

/// <summary>The sample of docs/samples/ResourceServer on real Kestrel, with what it asks of the server counted.</summary>
internal sealed class SampleServer : IAsyncDisposable
{
    private readonly WebApplicationFactory<Program> _factory;

    public SampleServer(IReadOnlyDictionary<string, string?> settings, TimeProvider? clock = null, Action<IServiceCollection>? services = null)
    {
        _factory = new WebApplicationFactory<Program>().WithWebHostBuilder(host =>
        {
            host.UseContentRoot(AppContext.BaseDirectory).UseSetting("Urls", "http://127.0.0.1:0");
            foreach (var (key, value) in settings)
                host.UseSetting(key, value);
            host.ConfigureLogging(logging => logging.ClearProviders().AddProvider(Logs).SetMinimumLevel(LogLevel.Trace));
            host.ConfigureServices(collection =>
            {
                if (clock is not null)
                    collection.AddSingleton(clock);
                collection.AddHttpClient(Introspection.ServerConnection.ClientName).AddHttpMessageHandler(() => new Tap(Line));
                services?.Invoke(collection);
            });
        });
        _factory.UseKestrel(0);
        _factory.StartServer();
        Client = new HttpClient { BaseAddress = _factory.ClientOptions.BaseAddress };
    }

    public HttpClient Client { get; }

    /// <summary>The line to the server.</summary>
    public Line Line { get; } = new();

    public LogLines Logs { get; } = new();

    public CredentialAuthenticator Authenticator => _factory.Services.GetRequiredService<CredentialAuthenticator>();

    public Task<Answer> GetAsync(string path, string? bearer) => GetAsync(path, bearer is null ? null : new AuthenticationHeaderValue("Bearer", bearer));

    public async Task<Answer> GetAsync(string path, AuthenticationHeaderValue? authorization)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Authorization = authorization;
        return await Answer.FromAsync(await Client.SendAsync(request));
    }

    public async Task<HttpStatusCode> StatusAsync(string? bearer, string path = "/whoami") => (HttpStatusCode)(await GetAsync(path, bearer)).Status;

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _factory.DisposeAsync();
        Logs.Dispose();
    }

    private sealed class Tap(Line line) : DelegatingHandler
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            line.Count(request.RequestUri!.AbsolutePath);
            if (line.Hold is { } hold)
                await hold.Task.WaitAsync(cancellationToken);
            return line.Instead?.Invoke() ?? await base.SendAsync(request, cancellationToken);
        }
    }
}

/// <summary>What goes over the line to the server, and what becomes of it.</summary>
internal sealed class Line
{
    private int _introspections;
    private int _keySets;

    public int Introspections => Volatile.Read(ref _introspections);

    public int KeySets => Volatile.Read(ref _keySets);

    /// <summary>Nothing gets through before this is done.</summary>
    public TaskCompletionSource? Hold { get; set; }

    /// <summary>An answer instead of the server's.</summary>
    public Func<HttpResponseMessage>? Instead { get; set; }

    public void Count(string path)
    {
        if (path == "/connect/introspect")
            Interlocked.Increment(ref _introspections);
        else
            Interlocked.Increment(ref _keySets);
    }
}
