using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Net;
using System.Net.Http;
using System.Text;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Server.Telemetry;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Testing;
using Microsoft.Extensions.DependencyInjection;
using static Activate.Identity.Server.Tests.ApiKeys.ApiCalls;

namespace Activate.Identity.Server.Tests.Telemetry;

public class TelemetryTests
{
    [Fact]
    [Trait("Case", "L1")]
    [Trait("Nodes", "One")]
    public async Task Everything_is_counted_and_no_label_holds_what_somebody_sent_or_who_somebody_is()
    {
        await using var server = await TestServer.StartAsync();
        using var listener = new Labels(server);
        var (user, session) = await server.AddPersonAsync(Role.Owner);
        var key = await server.CreateApiKeyAsync(session, "canary-name");
        Assert.Equal(200, (await server.GetAsync("/api/v1/me", key.Key)).Status);
        Assert.Equal(200, (await server.GetAsync("/api/v1/me", key.Key)).Status);
        Assert.Equal(200, (await server.PostAsync($"{KeysPath}/{key.Id}/rotate", session)).Status);
        Assert.Equal(201, (await server.PostAsync("/api/v1/tokens", session, new { name = "canary-token" })).Status);
        await server.LoginWithDeviceAsync();
        string[] canaries = ["canary-name", "canary-token", user.UserName!, TestServer.OwnerName, session, key.Key, "pwt_canary", "canary-path", "canary-query", "canary-grant", "canary-client"];
        foreach (var wrong in (string[])["pwt_canary", "eyJcanary", key.Key[..^1] + "x", session[..^2] + "xx"])
            Assert.Equal(401, (await server.GetAsync("/api/v1/me", wrong)).Status);
        await server.GetAsync("/canary-path?x=canary-query", session);
        await server.GetAsync($"{KeysPath}/canary-path", session);
        await server.PostAsync(KeysPath, session, new { name = "x", scopes = new[] { "canary-scope" } });
        foreach (var (grant, client) in ((string, string)[])[("canary-grant", TestServer.Cli), ("authorization_code", "canary-client"), ("client_credentials", TestServer.Cli)])
            await server.PostFormAsync("/connect/token", [("grant_type", grant), ("client_id", client), ("code", "canary-name"), ("redirect_uri", "http://127.0.0.1/callback"), ("code_verifier", new string('c', 43))]);
        using (var browser = server.Browser())
        {
            await browser.GoAsync("/sign-in");
            await browser.SubmitAsync("Sign in", ("Username", "canary-name"), ("Password", "canary-query"));
        }

        listener.Collect();
        foreach (var expected in (string[])["activate.identity.credential.checks kind=api_key outcome=accepted", "activate.identity.credential.checks kind=api_key outcome=refused", "activate.identity.credential.checks kind=token outcome=accepted",
            "activate.identity.credential.checks kind=token outcome=refused", "activate.identity.credential.checks kind=password outcome=accepted", "activate.identity.credential.checks kind=password outcome=refused",
            "activate.identity.credentials.issued grant=api_key", "activate.identity.credentials.issued grant=api_key_rotation", "activate.identity.credentials.issued grant=generated_token", "activate.identity.credentials.issued grant=device_code",
            "activate.identity.refusals surface=api error=invalid_credential", "activate.identity.refusals surface=oauth error=unsupported_grant_type", "activate.identity.refusals surface=oauth error=invalid_client", "activate.identity.write_queue.waiting",
            "activate.identity.password_hash.wait", "activate.identity.password_hash.waiting", "activate.identity.signing_key.age algorithm=RS256", "activate.identity.signing_key.age algorithm=ES256"])
            Assert.True(listener.Seen.ContainsKey(expected), $"no '{expected}' in\n{string.Join('\n', listener.Seen.Keys.Order())}");
        Assert.True(listener.Seen["activate.identity.credential.checks kind=api_key outcome=accepted"] >= 2);
        foreach (var series in listener.Seen.Keys)
        {
            Assert.Matches(@"^activate\.identity\.[a-z_.]+( [a-z]+=[a-zA-Z0-9_]{1,64})*$", series);
            Assert.All(canaries, canary => Assert.DoesNotContain($"={canary}", series, StringComparison.OrdinalIgnoreCase));
        }
    }

    [Fact]
    public async Task A_bearer_token_that_userinfo_refuses_was_checked_once()
    {
        await using var server = await TestServer.StartAsync();
        using var listener = new Labels(server);
        Assert.Equal(401, (await server.GetAsync("/connect/userinfo", "eyJnothing")).Status);
        Assert.Equal(1, listener.Seen["activate.identity.credential.checks kind=token outcome=refused"]);
    }

    [Fact]
    public async Task The_documents_name_every_instrument()
    {
        await using var server = await TestServer.StartAsync();
        using var listener = new Labels(server);
        var document = await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, "docs", "operations.md"));
        Assert.True(listener.Instruments.Count >= 8);
        Assert.All(listener.Instruments, instrument => Assert.Contains($"`{instrument}`", document, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Counting_allocates_nothing_whether_or_not_somebody_listens()
    {
        await using var server = await TestServer.StartAsync();
        var meter = server.Services().GetRequiredService<ServerMeter>();
        Assert.Equal(0, AllocatedBy(meter));
        using var listener = new MeterListener();
        var heard = 0L;
        listener.InstrumentPublished = (instrument, to) =>
        {
            if (instrument.Meter == meter.Meter)
                to.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>((_, value, _, _) => heard += value);
        listener.Start();
        Assert.Equal(0, AllocatedBy(meter));
        Assert.True(heard > 1000);
    }

    [Fact]
    [Trait("Case", "L1")]
    [Trait("Case", "O12")]
    public async Task Metrics_and_spans_go_to_the_collector_that_is_named_with_nothing_that_somebody_sent()
    {
        await using var collector = new Collector();
        await using var server = await TestServer.StartAsync(new TestServerOptions
        {
            Settings = new Dictionary<string, string?>
            {
                ["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.Address, ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf", ["OTEL_METRIC_EXPORT_INTERVAL"] = "200", ["OTEL_BSP_SCHEDULE_DELAY"] = "200",
            },
        });
        var (_, session) = await server.AddPersonAsync(Role.Owner);
        var key = await server.CreateApiKeyAsync(session, "nightly");
        foreach (var path in (string[])["/api/v1/me?access_token=canary-query", "/canary-path/pwt_canary", $"{KeysPath}/canary-id", "/device?user_code=CANARY-CODE", "/sign-in/canary-slug", "/setup?code=canary-code"])
            await server.RawAsync($"GET {path}", [$"Authorization: Bearer {key.Key}", "User-Agent: canary-agent", "X-Forwarded-For: canary-address", "Cookie: activate=canary-cookie", "baggage: canary=baggage"]);
        using (var browser = server.Browser())
        {
            await browser.GoAsync("/sign-in");
            await browser.SubmitAsync("Sign in", ("Username", "canary-name"), ("Password", "canary-password"));
        }

        foreach (var expected in (string[])["activate.identity.credential.checks", "http.server.request.duration", "dotnet.gc.collections", "GET /api/v1/me", "hash password", "Activate.Identity"])
            await collector.WaitForAsync(expected);
        await Task.Delay(TimeSpan.FromSeconds(1));
        var sent = collector.Text;
        Assert.DoesNotContain("canary", sent, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(key.Key, sent, StringComparison.Ordinal);
        foreach (var path in (string[])["/metrics", "/debug", "/swagger", "/health/details"])
            Assert.Equal(404, (await server.RawAsync($"GET {path}")).Status);
    }

    [Theory]
    [InlineData(null, null, false)]
    [InlineData("http://127.0.0.1:1", null, true)]
    [InlineData("http://127.0.0.1:1", "true", false)]
    public async Task Without_a_collector_there_is_no_exporter(string? endpoint, string? disabled, bool exports)
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { Settings = new Dictionary<string, string?> { ["OTEL_EXPORTER_OTLP_ENDPOINT"] = endpoint, ["OTEL_SDK_DISABLED"] = disabled } });
        Assert.Equal(exports, server.Services().GetService<OpenTelemetry.Metrics.MeterProvider>() is not null);
        Assert.Equal(exports, server.Services().GetService<OpenTelemetry.Trace.TracerProvider>() is not null);
    }

    private static long AllocatedBy(ServerMeter meter)
    {
        // Once before, for what is made only once.
        Count(meter);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++)
            Count(meter);
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }

    private static void Count(ServerMeter meter)
    {
        meter.Checked(ServerMeter.Credential.ApiKey, accepted: true);
        meter.Checked(ServerMeter.Credential.Token, accepted: false);
        meter.Issued(ServerMeter.Grant.RefreshToken);
        using var activity = ServerMeter.Activities.StartActivity("nobody listens");
    }

    /// <summary>All that one server's meter says, as "instrument label=value …" with the sum of what was counted.</summary>
    private sealed class Labels : IDisposable
    {
        private readonly MeterListener _listener = new();

        public Labels(TestServer server)
        {
            var meter = server.Services().GetRequiredService<ServerMeter>().Meter;
            _listener.InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter != meter)
                    return;
                Instruments.Add(instrument.Name);
                listener.EnableMeasurementEvents(instrument);
            };
            _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Note(instrument, value, tags));
            _listener.SetMeasurementEventCallback<int>((instrument, value, tags, _) => Note(instrument, value, tags));
            _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Note(instrument, (long)value, tags));
            _listener.Start();
        }

        public ConcurrentDictionary<string, long> Seen { get; } = new();

        public ConcurrentBag<string> Instruments { get; } = [];

        public void Collect() => _listener.RecordObservableInstruments();

        public void Dispose() => _listener.Dispose();

        private void Note(Instrument instrument, long value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            var series = instrument.Name;
            foreach (var (name, label) in tags)
                series += $" {name}={label}";
            Seen.AddOrUpdate(series, value, (_, sum) => sum + value);
        }
    }

    /// <summary>An OTLP collector that keeps what it gets: the strings in protobuf are plain UTF-8.</summary>
    private sealed class Collector : IAsyncDisposable
    {
        private readonly HttpListener _listener = new();
        private readonly StringBuilder _text = new();
        private readonly Task _serving;

        public Collector()
        {
            Address = $"http://127.0.0.1:{PostgreSqlServer.FreePort()}";
            _listener.Prefixes.Add(Address + "/");
            _listener.Start();
            _serving = ServeAsync();
        }

        public string Address { get; }

        public string Text
        {
            get
            {
                lock (_text)
                    return _text.ToString();
            }
        }

        public async Task WaitForAsync(string text)
        {
            var patience = Stopwatch.StartNew();
            while (!Text.Contains(text, StringComparison.Ordinal))
            {
                Assert.True(patience.Elapsed < TimeSpan.FromSeconds(30), $"'{text}' was not exported.");
                await Task.Delay(50);
            }
        }

        public async ValueTask DisposeAsync()
        {
            _listener.Close();
            await _serving;
        }

        private async Task ServeAsync()
        {
            while (true)
            {
                HttpListenerContext context;
                try
                {
                    context = await _listener.GetContextAsync();
                }
                catch (Exception closed) when (closed is HttpListenerException or ObjectDisposedException)
                {
                    return;
                }

                using var body = new MemoryStream();
                await context.Request.InputStream.CopyToAsync(body);
                lock (_text)
                    _text.Append(Encoding.Latin1.GetString(body.ToArray()));
                context.Response.Close();
            }
        }
    }
}
