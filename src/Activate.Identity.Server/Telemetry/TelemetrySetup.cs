using System.Diagnostics;
using System.Runtime.CompilerServices;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Activate.Identity.Server.Telemetry;

/// <summary>
/// What the server measures, and where it goes: by OTLP to a collector, when OpenTelemetry's own environment variables name one; otherwise nowhere. There is no endpoint that shows it (case O12).
/// </summary>
public static class TelemetrySetup
{
    /// <summary>The framework's and the drivers' own: requests, connections, TLS, the runtime, PostgreSQL's pool. Outgoing calls carry addresses of providers in their labels, and are left out.</summary>
    private static readonly string[] s_meters = [ServerMeter.Name, "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel", "Microsoft.AspNetCore.Routing", "System.Runtime", "Npgsql"];

    /// <summary>https://opentelemetry.io/docs/specs/otel/protocol/exporter: the exporter reads the same variables.</summary>
    private static readonly string[] s_endpoints = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];

    public static void AddTelemetry(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<ServerMeter>();
        builder.Services.AddHostedService<Gauges>();
        if (IsWanted(builder.Configuration))
            Export(builder);
    }

    /// <summary>On its own, so that what is not wanted is not loaded.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Export(WebApplicationBuilder builder) => builder.Services.AddOpenTelemetry()
        .ConfigureResource(resource => resource.AddService(ServerMeter.Name, serviceVersion: typeof(TelemetrySetup).Assembly.GetName().Version?.ToString(3)))
        .WithMetrics(metrics => metrics.AddMeter(s_meters).AddOtlpExporter())
        .WithTracing(traces => traces.AddSource(ServerMeter.Name, "Microsoft.AspNetCore").AddProcessor<KnownTags>().AddOtlpExporter());

    private static bool IsWanted(ConfigurationManager configuration) =>
        !"true".Equals(configuration["OTEL_SDK_DISABLED"], StringComparison.OrdinalIgnoreCase) && s_endpoints.Any(name => !string.IsNullOrEmpty(configuration[name]));

    /// <summary>Takes from a span what is not known to be harmless, before it is exported: the framework says nothing today, and might say more tomorrow.</summary>
    internal sealed class KnownTags : BaseProcessor<Activity>
    {
        public override void OnEnd(Activity data)
        {
            if (data.Source.Name == ServerMeter.Name)
                return;
            foreach (var (name, _) in data.TagObjects.Where(tag => !RequestSpan.Tags.Contains(tag.Key)).ToList())
                data.SetTag(name, null);
        }
    }
}
