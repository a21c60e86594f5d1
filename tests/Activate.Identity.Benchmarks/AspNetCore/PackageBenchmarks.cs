using System.Net;
using System.Security.Claims;
using System.Text;
using Activate.Identity.AspNetCore;
using Activate.Identity.Core.ApiKeys;
using BenchmarkDotNet.Attributes;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Activate.Identity.Benchmarks.AspNetCore;

/// <summary>
/// What the package adds to a request whose credential was checked a moment ago: the whole pipeline of an application (hosting, routing, authentication, authorization,
/// endpoint) without a socket, beside the same one with an authentication handler that does nothing, and with none.
/// </summary>
[MemoryDiagnoser]
public class PackageBenchmarks
{
    private const string Issuer = "https://id.example.org";

    private readonly string _key = $"Bearer {ApiKeySecret.Generate(new Uri(Issuer)).Reveal()}";
    private readonly string _token = $"Bearer {Token()}";

    private InProcessServer _open = null!;
    private InProcessServer _nothing = null!;
    private InProcessServer _package = null!;

    [GlobalSetup]
    public async Task Setup()
    {
        _open = await StartAsync(services => services.AddRouting(), endpoint => { });
        _nothing = await StartAsync(services => services.AddAuthorization().AddAuthentication().Services
            .Configure<AuthenticationOptions>(options => options.AddScheme<Nothing>("nothing", null)).AddTransient<Nothing>(), endpoint => endpoint.RequireAuthorization());
        _package = await StartAsync(services =>
        {
            services.AddActivateIdentity(options =>
            {
                options.Issuer = new Uri(Issuer);
                options.ClientId = options.ClientSecret = "benchmark";
                options.Audiences.Add("https://api.example.org");
            });
            services.AddHttpClient("Activate.Identity.AspNetCore").ConfigurePrimaryHttpMessageHandler(() => new AlwaysActive());
        }, endpoint => endpoint.RequireAuthorization());
        // A refusal would be fast, too.
        foreach (var (server, header) in new[] { (_open, ""), (_nothing, ""), (_package, _key), (_package, _token) })
        {
            if (await server.GetAsync("/", header) != 200 || (server == _package && await server.GetAsync("/scope", header) != 200))
                throw new InvalidOperationException("The endpoint was not reached.");
        }

        if (await _package.GetAsync("/", "") != 401)
            throw new InvalidOperationException("The endpoint is open.");
    }

    [Benchmark(Description = "no authentication")]
    public Task Open() => _open.GetAsync("/", _key);

    [Benchmark(Baseline = true, Description = "a handler that does nothing")]
    public Task DoesNothing() => _nothing.GetAsync("/", _key);

    [Benchmark(Description = "package, API key")]
    public Task Key() => _package.GetAsync("/", _key);

    [Benchmark(Description = "package, access token of 1.1 KB")]
    public Task Jwt() => _package.GetAsync("/", _token);

    [Benchmark(Description = "package, API key, RequireScope")]
    public Task KeyWithScope() => _package.GetAsync("/scope", _key);

    private static async Task<InProcessServer> StartAsync(Action<IServiceCollection> add, Action<IEndpointConventionBuilder> protect)
    {
        var server = new InProcessServer();
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        add(builder.Services);
        builder.Services.AddSingleton<IServer>(server);
        var app = builder.Build();
        protect(app.MapGet("/", (RequestDelegate)(context => Task.CompletedTask)));
        app.MapGet("/scope", (RequestDelegate)(context => Task.CompletedTask)).RequireScope("platform");
        await app.StartAsync();
        return server;
    }

    /// <summary>Of the size of a real one; it is introspected, so nobody looks at its signature.</summary>
    private static string Token()
    {
        static string Part(string text) => System.Buffers.Text.Base64Url.EncodeToString(Encoding.UTF8.GetBytes(text));
        return $"{Part("""{"alg":"RS256","typ":"at+jwt","kid":"x"}""")}.{Part($$"""{"iss":"{{Issuer}}/","exp":99999999999,"x":"{{new string('x', 500)}}"}""")}.{new string('s', 342)}";
    }

    /// <summary>Lets everybody in as the same principal.</summary>
    private sealed class Nothing : IAuthenticationHandler
    {
        private static readonly Task<AuthenticateResult> s_somebody =
            Task.FromResult(AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(new ClaimsIdentity("nothing")), "nothing")));

        public Task InitializeAsync(AuthenticationScheme scheme, HttpContext context) => Task.CompletedTask;

        public Task<AuthenticateResult> AuthenticateAsync() => s_somebody;

        public Task ChallengeAsync(AuthenticationProperties? properties) => Task.CompletedTask;

        public Task ForbidAsync(AuthenticationProperties? properties) => Task.CompletedTask;
    }

    private sealed class AlwaysActive : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) => Task.FromResult(new HttpResponseMessage(HttpStatusCode.OK)
        {
            Content = new StringContent("""
                {"active":true,"sub":"01a20b90-7fc8-7ee2-83d5-ed3958a0c726","username":"ada","scope":"platform credentials:read","client_id":"activate-cli","organization":"hydrology-lab",
                "jti":"01a20b90-7fc8-7ee2-83d5-ed3958a0c727","aud":["https://api.example.org","https://id.example.org/api"],"iat":1800000000,"exp":99999999999}
                """, Encoding.UTF8, "application/json"),
        });
    }
}

/// <summary>Hands requests to an application as Kestrel does, without a network.</summary>
internal sealed class InProcessServer : IServer
{
    private Func<IFeatureCollection, Task> _process = _ => throw new InvalidOperationException("Not started.");

    public IFeatureCollection Features { get; } = new FeatureCollection();

    public Task StartAsync<TContext>(IHttpApplication<TContext> application, CancellationToken cancellationToken) where TContext : notnull
    {
        _process = async features =>
        {
            var context = application.CreateContext(features);
            await application.ProcessRequestAsync(context);
            application.DisposeContext(context, exception: null);
        };
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public async Task<int> GetAsync(string path, string authorization)
    {
        var request = new HttpRequestFeature { Method = "GET", Path = path, Protocol = "HTTP/1.1", Scheme = "https" };
        request.Headers.Authorization = authorization;
        var response = new HttpResponseFeature();
        var features = new FeatureCollection();
        features.Set<IHttpRequestFeature>(request);
        features.Set<IHttpResponseFeature>(response);
        features.Set<IHttpResponseBodyFeature>(new StreamResponseBodyFeature(Stream.Null));
        await _process(features);
        return response.StatusCode;
    }

    public void Dispose()
    {
    }
}
