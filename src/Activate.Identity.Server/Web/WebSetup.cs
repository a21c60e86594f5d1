using System.Net;
using Activate.Identity.Data;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.AspNetCore.Mvc.Controllers;
using Microsoft.AspNetCore.Mvc.ModelBinding;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Scalar.AspNetCore;
using Serilog;
using Serilog.Events;
using Serilog.Settings.Configuration;

namespace Activate.Identity.Server.Web;

/// <summary>What every feature stands on: Kestrel's limits, the public origin, logs, errors, pages, the API document and health.</summary>
public static class WebSetup
{
    private const int LargestBody = 256 * 1024;
    private static readonly TimeSpan s_headTime = TimeSpan.FromSeconds(10);

    public static void AddWeb(this WebApplicationBuilder builder)
    {
        var origin = PublicOrigin.From(builder.Configuration, builder.Environment);
        var services = builder.Services;
        services.AddSingleton(origin);
        services.TryAddSingleton(TimeProvider.System);
        builder.WebHost.UseUrls(builder.Configuration["Urls"] ?? PublicOrigin.DefaultUrls);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = LargestBody;
            // No client of ours needs longer for the head of a request; a body below 240 bytes a second is given up after 5 seconds (Kestrel's default).
            kestrel.Limits.RequestHeadersTimeout = s_headTime;
            kestrel.Limits.MaxConcurrentConnections = OpenFiles.MostConnections;
        });
        AddLogs(builder);

        services.Configure<ForwardedHeadersOptions>(options =>
        {
            // Only the address and the scheme, and only from proxies that were named. The host never counts: links come from the public origin.
            options.ForwardedHeaders = ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto;
            options.KnownProxies.Clear();
            options.KnownIPNetworks.Clear();
            foreach (var proxy in builder.Configuration.GetSection("Server:TrustedProxies").Get<string[]>() ?? [])
            {
                if (IPAddress.TryParse(proxy, out var address))
                    options.KnownProxies.Add(address);
                else if (System.Net.IPNetwork.TryParse(proxy, out var network))
                    options.KnownIPNetworks.Add(network);
                else
                    throw new StartupException($"Server:TrustedProxies: '{proxy}' is neither an address nor a network such as 10.0.0.0/8.");
            }
        });

        services.AddSingleton(new RateLimits(builder.Configuration.Flag("RateLimits:Enabled", true)));
        services.AddSingleton<OneTimeForms>();
        services.AddSingleton<WriteQueue>();
        services.AddExceptionHandler<ExceptionAnswers>();
        services.AddProblemDetails();
        services.AddResponseCompression(options =>
        {
            options.EnableForHttps = true;
            options.MimeTypes = ["text/html", "text/css", "text/javascript", "application/javascript", "image/svg+xml"];
        });
        services.ConfigureHttpJsonOptions(options => ApiJson.Configure(options.SerializerOptions));
        services.Configure<RouteHandlerOptions>(options => options.ThrowOnBadRequest = true);
        services.AddRazorPages(options => options.RootDirectory = "/").AddMvcOptions(options =>
            {
                options.Filters.Add(new PageRequests());
                // Names with brackets are fields of none of our forms, and these fail at one that is not closed.
                options.ValueProviderFactories.RemoveType<JQueryFormValueProviderFactory>();
                options.ValueProviderFactories.RemoveType<JQueryQueryStringValueProviderFactory>();
            })
            // There are none, and looking for them loads every type of the server at each start.
            .ConfigureApplicationPartManager(parts => parts.FeatureProviders.Remove(parts.FeatureProviders.OfType<ControllerFeatureProvider>().Single()));
        services.Configure<AntiforgeryOptions>(options =>
        {
            options.Cookie.Name = origin.IsHttps ? "__Host-activate-form" : "activate-form";
            options.Cookie.SecurePolicy = origin.IsHttps ? CookieSecurePolicy.Always : CookieSecurePolicy.None;
            options.Cookie.SameSite = SameSiteMode.Strict;
            options.Cookie.HttpOnly = true;
        });
        services.AddOpenApi("v1", ApiDocument.Configure);
        services.AddAuthentication();
        services.AddAuthorization();
        services.AddHealthChecks().AddCheck<DatabaseHealth>("database", tags: ["ready"]);
    }

    public static void UseWeb(this WebApplication app)
    {
        // With nobody to trust, the middleware would trust everybody.
        if (app.Configuration.GetSection("Server:TrustedProxies").GetChildren().Any())
            app.UseForwardedHeaders();
        app.UseMiddleware<RequestFraming>();
        app.UseMiddleware<SteadyBodies>();
        app.UseMiddleware<HostFilter>();
        app.UseMiddleware<SecurityHeaders>();
        app.UseMiddleware<RequestLog>();
        app.UseMiddleware<Connect.CrossOrigin>();
        app.UseMiddleware<PublishedDocuments>();
        app.UseWhen(context => IsPageOrAsset(context.Request), pages => pages.UseResponseCompression());
        app.UseExceptionHandler();
        app.UseMiddleware<EmptyAnswers>();
        if (app.Services.GetRequiredService<DatabaseOptions>().Provider != DatabaseProvider.Sqlite)
            app.UseMiddleware<DatabaseGuard>();
        app.UseRouting();
        app.UseMiddleware<Credentials.ApiGate>();
        app.UseMiddleware<Connect.PlainRequests>();
        app.UseAuthentication();
        app.UseAuthorization();
    }

    public static void MapWeb(this WebApplication app)
    {
        app.MapAssets();
        app.MapRazorPages();
        app.MapOpenApi("/openapi/{documentName}.json").AllowAnonymous();
        app.MapScalarApiReference("/docs", (options, context) =>
        {
            var nonce = System.Security.Cryptography.RandomNumberGenerator.GetHexString(32);
            SecurityHeaders.AllowApiReference(context, nonce);
            // Nothing from elsewhere: no fonts, no proxy, no telemetry, no assistant.
            options.WithTitle("Activate.Identity API").WithOpenApiRoutePattern("/openapi/{documentName}.json").WithNonce(nonce).DisableDefaultFonts().DisableTelemetry().DisableAgent().DisableMcp();
            options.ShowDeveloperTools = DeveloperToolsVisibility.Never;
        });
        app.MapHealthChecks("/health/live", new() { Predicate = _ => false }).AllowAnonymous();
        app.MapHealthChecks("/health/ready", new() { Predicate = check => check.Tags.Contains("ready") }).AllowAnonymous();
    }

    /// <summary>
    /// What is compressed: what is read again and again, and holds no secret that stays the same beside what a stranger could have put there (BREACH). Secrets are shown in answers to forms,
    /// once; the tokens of forms are masked anew in each page; session and password are in none.
    /// </summary>
    private static bool IsPageOrAsset(HttpRequest request) => HttpMethods.IsGet(request.Method) && !request.Path.StartsWithSegments("/api", StringComparison.OrdinalIgnoreCase);

    private static bool TellsSecrets(LogEvent logEvent) =>
        logEvent.Properties.TryGetValue(Serilog.Core.Constants.SourceContextPropertyName, out var source) && source is ScalarValue { Value: string name }
        && (name.StartsWith("OpenIddict", StringComparison.Ordinal)
            || name.StartsWith("Microsoft.AspNetCore", StringComparison.Ordinal)
            || name.StartsWith("Microsoft.EntityFrameworkCore", StringComparison.Ordinal));

    private static void AddLogs(WebApplicationBuilder builder)
    {
        var start = new FailedStart();
        builder.Services.AddHostedService(_ => start);
        builder.Services.AddSerilog((services, log) =>
        {
            log.MinimumLevel.Information()
                .MinimumLevel.Override("System", LogEventLevel.Warning)
                .MinimumLevel.Override("Microsoft", LogEventLevel.Warning)
                .MinimumLevel.Override("Microsoft.Hosting.Lifetime", LogEventLevel.Information)
                // The sinks that a setting may name. Without a list every library beside the server is opened to look for more.
                .ReadFrom.Configuration(builder.Configuration, new ConfigurationReaderOptions(typeof(ConsoleLoggerConfigurationExtensions).Assembly, typeof(FileLoggerConfigurationExtensions).Assembly))
                .Enrich.FromLogContext()
                // Whatever level is configured: below these, the libraries write query strings, tokens and parameters.
                .MinimumLevel.Override("OpenIddict", LogEventLevel.Warning)
                .MinimumLevel.Override("Microsoft.AspNetCore", LogEventLevel.Warning)
                // Our RequestLog tells of requests. Off, not Warning: enabled at any level it makes an Activity and a log scope for each request.
                .MinimumLevel.Override("Microsoft.AspNetCore.Hosting.Diagnostics", LevelAlias.Off)
                .MinimumLevel.Override("Microsoft.EntityFrameworkCore", LogEventLevel.Warning)
                // Its errors, with their stacks, are cookies that somebody has changed: who sends a form with one is told to send it again.
                .MinimumLevel.Override("Microsoft.AspNetCore.Antiforgery", LevelAlias.Off)
                // A unique index that refuses a second row is an answer, not an error; what nobody expected is logged where it is caught.
                .MinimumLevel.Override("Microsoft.EntityFrameworkCore.Update", LogEventLevel.Fatal)
                .MinimumLevel.Override("Microsoft.EntityFrameworkCore.Database.Command", LogEventLevel.Fatal)
                .Filter.With(start)
                // A configured override of a longer name ("OpenIddict.Server": Debug) wins over those.
                .Filter.ByExcluding(logEvent => logEvent.Level < LogEventLevel.Warning && TellsSecrets(logEvent));
            log.ReadFrom.Services(services);
            if (builder.Environment.IsDevelopment())
                log.WriteTo.Console(outputTemplate: "{Timestamp:HH:mm:ss} {Level:u3} {Message:lj}{NewLine}{Exception}", formatProvider: System.Globalization.CultureInfo.InvariantCulture);
            else
                log.WriteTo.Console(new Serilog.Formatting.Compact.RenderedCompactJsonFormatter());
            // Two servers in one process (tests) each keep a log of their own.
        }, preserveStaticLogger: true);
    }
}
