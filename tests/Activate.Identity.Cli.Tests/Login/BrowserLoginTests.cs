using System.Net;
using System.Net.Sockets;
using Activate.Identity.Cli.Contexts;
using Activate.Identity.Cli.Tests.Harness;
using Microsoft.Extensions.Time.Testing;

namespace Activate.Identity.Cli.Tests.Login;

/// <summary>The login in the browser, with everything else that may call the port meanwhile.</summary>
public sealed class BrowserLoginTests : IAsyncLifetime
{
    private const string SignedIn = "Signed in. You can close this window.";
    private const string NotSignedIn = "Not signed in.";

    private readonly FakeTimeProvider _time = new(Clock.Start);
    private readonly Terminal _terminal;
    private FakeServer _server = null!;

    public BrowserLoginTests()
    {
        _terminal = new Terminal { Time = _time };
        _terminal.Variables["DISPLAY"] = ":0";
    }

    private string Issuer => Uri.EscapeDataString(_server.Url + "/");

    public async ValueTask InitializeAsync()
    {
        _server = await FakeServer.StartAsync();
        _server.AllowLoginInBrowser();
    }

    public async ValueTask DisposeAsync()
    {
        _terminal.Dispose();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task Login_opens_the_page_takes_the_code_and_keeps_the_session_as_the_current_context()
    {
        var (outcome, shown) = await LoginAsync(page => page.GoAsync());

        Assert.True((outcome.Code, outcome.Out) == (0, ""), outcome.Error);
        Assert.Contains($"    {_terminal.Opened.Single().AbsoluteUri}\n", outcome.Error, StringComparison.Ordinal);
        Assert.Contains("Waiting for the browser (until 2026-11-24T02:10:00Z).", outcome.Error, StringComparison.Ordinal);
        Assert.Contains($"Signed in as ada of hydrology-lab at {_server.Url}, until 2026-11-24 05:00 local time (2026-11-24T05:00:00Z).", outcome.Error,
            StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, shown.Status);
        Assert.Contains(SignedIn, shown.Page, StringComparison.Ordinal);
        Assert.Equal(_server.ContextName, _terminal.Contexts.Current);
        var kept = _terminal.Contexts.Read(_server.ContextName)!;
        Assert.Equal((FakeServer.Jwt(_server.Origin), StoredContext.Session, "ada"), (kept.Credential, kept.Kind, kept.Username));
        Assert.DoesNotContain("POST /connect/device", _server.Lines);
    }

    [Fact]
    public async Task The_page_that_is_shown_runs_nothing_is_kept_nowhere_and_tells_its_address_to_nobody()
    {
        var (_, shown) = await LoginAsync(page => page.GoAsync());

        Assert.StartsWith("default-src 'none'; style-src 'sha256-", shown.Headers["Content-Security-Policy"].Single(), StringComparison.Ordinal);
        Assert.Contains("frame-ancestors 'none'", shown.Headers["Content-Security-Policy"].Single(), StringComparison.Ordinal);
        Assert.Equal("no-store", shown.Headers["Cache-Control"].Single());
        Assert.Equal("no-referrer", shown.Headers["Referrer-Policy"].Single());
        Assert.Equal("nosniff", shown.Headers["X-Content-Type-Options"].Single());
        Assert.Equal("text/html; charset=utf-8", shown.Headers["Content-Type"].Single());
        Assert.DoesNotContain("<script", shown.Page, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("://", shown.Page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_request_names_client_scopes_device_wish_and_a_callback_on_this_machine()
    {
        await LoginAsync(page => page.GoAsync(), "--hours", "7", "--device-name", "  My laptop ");

        var request = _server.Seen.Single(seen => seen.Line == "GET /connect/authorize");
        Assert.Equal("activate-cli", request.Parameter("client_id"));
        Assert.Equal("code", request.Parameter("response_type"));
        Assert.Equal("openid profile platform credentials:read", request.Parameter("scope"));
        Assert.Equal("My laptop", request.Parameter("device_name"));
        Assert.Equal("7", request.Parameter("lifetime_hours"));
        Assert.Equal("S256", request.Parameter("code_challenge_method"));
        Assert.Matches(@"^http://127\.0\.0\.1:\d+/callback$", request.Parameter("redirect_uri"));
        var redeemed = _server.Seen.Single(seen => seen.Line == "POST /connect/token");
        Assert.Equal(request.Parameter("redirect_uri"), redeemed.Form("redirect_uri"));
        Assert.Equal("code-secret", redeemed.Form("code"));
    }

    [Fact]
    public async Task Without_hours_no_wish_is_sent_and_manage_asks_for_the_managing_scopes()
    {
        await LoginAsync(page => page.GoAsync(), "--manage");

        var request = _server.Seen.Single(seen => seen.Line == "GET /connect/authorize");
        Assert.Null(request.Parameter("lifetime_hours"));
        Assert.Equal("login-node-07", request.Parameter("device_name"));
        Assert.Equal("openid profile platform credentials:read credentials:write organization:read organization:write", request.Parameter("scope"));
    }

    [Fact]
    public async Task State_and_verifier_are_new_for_every_login_and_the_verifier_is_the_one_of_the_challenge()
    {
        await LoginAsync(page => page.GoAsync());
        await LoginAsync(page => page.GoAsync());

        var requests = _server.Seen.Where(seen => seen.Line == "GET /connect/authorize").ToList();
        var redeemed = _server.Seen.Where(seen => seen.Line == "POST /connect/token").ToList();
        Assert.Equal(requests.Select(request => request.Parameter("code_challenge")),
            redeemed.Select(request => FakeServer.Challenge(request.Form("code_verifier"))));
        string[] random =
        [
            .. requests.Select(request => request.Parameter("state")!), .. requests.Select(request => request.Parameter("code_challenge")!),
            .. redeemed.Select(request => request.Form("code_verifier")!),
        ];
        Assert.All(random, text => Assert.Matches("^[A-Za-z0-9_-]{43}$", text));
        Assert.Equal(6, random.Distinct().Count());
    }

    [Fact]
    public async Task Code_verifier_and_token_are_shown_nowhere()
    {
        var (outcome, shown) = await LoginAsync(page => page.GoAsync(), "-o", "json");

        var verifier = _server.Seen.Single(seen => seen.Line == "POST /connect/token").Form("code_verifier")!;
        var all = outcome.Out + outcome.Error + shown.Page;
        Assert.All((string[])["code-secret", verifier, FakeServer.Jwt(_server.Origin)], secret => Assert.DoesNotContain(secret, all, StringComparison.Ordinal));
        Assert.Contains("\"username\": \"ada\"", outcome.Out, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("code=forged&iss={iss}")]
    [InlineData("code=forged&iss={iss}&state=")]
    [InlineData("code=forged&iss={iss}&state=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    [InlineData("code=forged&iss={iss}&state={state}x")]
    [InlineData("code=forged&iss={iss}&state={state}&state={state}")]
    [InlineData("error=access_denied&iss={iss}&state=other")]
    [InlineData("")]
    public async Task An_answer_that_does_not_know_the_state_is_refused_and_the_login_goes_on(string query)
    {
        var (outcome, shown) = await LoginAsync(async page =>
        {
            var forged = await page.BringAsync(Filled(query, page));
            return (Forged: forged, Real: await page.GoAsync());
        });

        Assert.Equal(HttpStatusCode.BadRequest, shown.Forged.Status);
        Assert.Contains("not the answer", shown.Forged.Page, StringComparison.Ordinal);
        Assert.Contains(SignedIn, shown.Real.Page, StringComparison.Ordinal);
        Assert.Equal(0, outcome.Code);
        Assert.Equal("code-secret", _server.Seen.Single(seen => seen.Line == "POST /connect/token").Form("code"));
    }

    [Theory]
    [InlineData("&iss=https%3A%2F%2Fevil.example%2F", "is from 'https://evil.example/'")]
    [InlineData("&iss={bare}", "is from '")]
    [InlineData("&iss=", "is from ''")]
    [InlineData("", "does not say that it is from")]
    [InlineData("&iss={iss}&iss=https%3A%2F%2Fevil.example%2F", "'iss' twice")]
    public async Task An_answer_of_another_issuer_ends_the_login_and_its_code_is_not_used(string issuer, string words)
    {
        var (outcome, shown) = await LoginAsync(page => page.BringAsync(Filled("code=code-secret&state={state}" + issuer, page)));

        Assert.Equal((1, ""), (outcome.Code, outcome.Out));
        Assert.Contains(words, outcome.Error, StringComparison.Ordinal);
        Assert.Contains(NotSignedIn, shown.Page, StringComparison.Ordinal);
        Assert.DoesNotContain("POST /connect/token", _server.Lines);
        Assert.Empty(_terminal.Contexts.Names());
    }

    [Fact]
    public async Task An_error_of_another_issuer_is_not_believed_either()
    {
        var (outcome, _) = await LoginAsync(page => page.BringAsync($"error=access_denied&state={page.State}&iss=https%3A%2F%2Fevil.example%2F"));

        Assert.Equal(1, outcome.Code);
        Assert.Contains("evil.example", outcome.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_does_not_promise_to_name_itself_may_leave_it_out_but_not_name_another()
    {
        Publish(_server.DiscoveryDocument().Replace("\"authorization_response_iss_parameter_supported\":true,", "", StringComparison.Ordinal));

        var (named, _) = await LoginAsync(page => page.BringAsync($"code=code-secret&state={page.State}&iss=https%3A%2F%2Fevil.example%2F"));
        Assert.Equal(1, named.Code);
        _server.On("GET /connect/authorize", seen => Reply.Redirect($"{seen.Parameter("redirect_uri")}?code=code-secret&state={seen.Parameter("state")}"));
        _server.On("POST /connect/token", _ => FakeServer.Token(FakeServer.Jwt(_server.Origin)));
        var (unnamed, _) = await LoginAsync(page => page.GoAsync());
        Assert.Equal(0, unnamed.Code);
    }

    [Theory]
    [InlineData("error=access_denied&error_description=The+user+refused.", 4, "The sign-in was denied in the browser (access_denied).")]
    [InlineData("error=invalid_scope&error_description=No+such+scope.", 1, "No such scope. (invalid_scope)")]
    [InlineData("error=server_error", 1, "The server ended the sign-in. (server_error)")]
    [InlineData("error=server_error&code=code-secret", 1, "(server_error)")]
    [InlineData("code=", 1, "neither a code nor an error")]
    [InlineData("code=code-secret&code=other", 1, "'code' twice")]
    public async Task A_refusal_ends_with_its_reason_in_both_places_and_keeps_nothing(string query, int code, string words)
    {
        var (outcome, shown) = await LoginAsync(page => page.BringAsync($"{query}&state={page.State}&iss={Issuer}"));

        Assert.Equal((code, ""), (outcome.Code, outcome.Out));
        Assert.Contains(words, outcome.Error, StringComparison.Ordinal);
        Assert.Contains(NotSignedIn, shown.Page, StringComparison.Ordinal);
        Assert.Contains(words, WebUtility.HtmlDecode(shown.Page), StringComparison.Ordinal);
        Assert.DoesNotContain("POST /connect/token", _server.Lines);
        Assert.Empty(_terminal.Contexts.Names());
    }

    [Fact]
    public async Task A_reason_drives_neither_the_page_nor_the_terminal()
    {
        var reason = Uri.EscapeDataString("<script>alert(1)</script>\u001b[2J\r\nerror: forged");
        var (outcome, shown) = await LoginAsync(page => page.BringAsync($"error=x&error_description={reason}&state={page.State}&iss={Issuer}"));

        Assert.DoesNotContain('\u001b', outcome.Error);
        Assert.DoesNotContain("\nerror: forged", outcome.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("<script", shown.Page, StringComparison.Ordinal);
        Assert.Contains("&lt;script&gt;", shown.Page, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")]
    [InlineData("GET /favicon.ico HTTP/1.1\r\nHost: {host}\r\n\r\n")]
    [InlineData("GET /callback/?{real} HTTP/1.1\r\nHost: {host}\r\n\r\n")]
    [InlineData("GET /Callback?{real} HTTP/1.1\r\nHost: {host}\r\n\r\n")]
    [InlineData("GET //callback?{real} HTTP/1.1\r\nHost: {host}\r\n\r\n")]
    [InlineData("GET /%63allback?{real} HTTP/1.1\r\nHost: {host}\r\n\r\n")]
    [InlineData("GET http://{host}/callback?{real} HTTP/1.1\r\nHost: {host}\r\n\r\n")]
    [InlineData("HEAD /callback?{real} HTTP/1.1\r\nHost: {host}\r\n\r\n")]
    [InlineData("get /callback?{real} HTTP/1.1\r\nHost: {host}\r\n\r\n")]
    [InlineData("POST /callback?{real} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n")]
    [InlineData("OPTIONS /callback?{real} HTTP/1.1\r\nHost: {host}\r\nOrigin: https://evil.example\r\n\r\n")]
    [InlineData("GET /callback?{real} HTTP/1.1\r\nHost: evil.example\r\n\r\n")]
    [InlineData("GET /callback?{real} HTTP/1.1\r\nHost: localhost\r\n\r\n")]
    [InlineData("GET /callback?{real} HTTP/1.1\r\nHost: {host}\r\nHost: evil.example\r\n\r\n")]
    [InlineData("GET /callback?{real} HTTP/1.1\r\n\r\n")]
    [InlineData("GET /callback?{real} HTTP/2.0\r\nHost: {host}\r\n\r\n")]
    [InlineData("GET /callback?{real}\r\nHost: {host}\r\n\r\n")]
    [InlineData("\r\n\r\n")]
    [InlineData("\u0016\u0003\u0001\u0002\r\n\r\n")]
    public async Task Any_other_request_gets_404_and_the_login_goes_on(string request)
    {
        var (outcome, shown) = await LoginAsync(async page =>
        {
            var other = await page.SendAsync(Filled(request, page));
            return (Other: other, Real: await page.GoAsync());
        });

        Assert.StartsWith("HTTP/1.1 404 ", shown.Other, StringComparison.Ordinal);
        Assert.Contains(SignedIn, shown.Real.Page, StringComparison.Ordinal);
        Assert.Equal(0, outcome.Code);
    }

    [Fact]
    public async Task A_request_without_an_end_is_cut_off_and_the_login_goes_on()
    {
        var (outcome, answer) = await LoginAsync(async page =>
        {
            var endless = await page.SendAsync("GET /callback?" + new string('a', 16 * 1024 - 14));
            await page.GoAsync();
            return endless;
        });

        Assert.StartsWith("HTTP/1.1 431 ", answer, StringComparison.Ordinal);
        Assert.Equal(0, outcome.Code);
    }

    [Fact]
    public async Task A_connection_that_says_nothing_or_half_a_request_does_not_hold_the_answer_up()
    {
        var (outcome, shown) = await LoginAsync(async page =>
        {
            using var silent = await page.ConnectAsync();
            using var half = await page.ConnectAsync($"GET /callback?state={page.State}&co");
            using var gone = await page.ConnectAsync("GET /");
            gone.Close(0);
            return await page.GoAsync();
        });

        Assert.Contains(SignedIn, shown.Page, StringComparison.Ordinal);
        Assert.Equal(0, outcome.Code);
    }

    [Fact]
    public async Task Who_is_slow_is_shown_out_after_five_seconds()
    {
        var (outcome, left) = await LoginAsync(async page =>
        {
            using var half = await page.ConnectAsync("GET /callback?co");
            // Served before the next one is answered, so its patience runs already.
            await page.SendAsync("GET / HTTP/1.1\r\n\r\n");
            _time.Advance(TimeSpan.FromSeconds(4));
            var early = half.Poll(TimeSpan.FromMilliseconds(200), SelectMode.SelectRead);
            _time.Advance(TimeSpan.FromSeconds(1));
            var rest = await LoginPage.ReadAsync(half);
            await page.GoAsync();
            return (early, rest);
        });

        Assert.Equal((false, ""), left);
        Assert.Equal(0, outcome.Code);
    }

    [Fact]
    public async Task Hundreds_of_open_connections_do_not_keep_the_browser_out()
    {
        var (outcome, shown) = await LoginAsync(async page =>
        {
            var crowd = new List<Socket>();
            for (var number = 0; number < 300; number++)
                crowd.Add(await page.ConnectAsync("GET /"));
            // Who has waited longest had to go; no clock has moved.
            var first = await LoginPage.ReadAsync(crowd[0]);
            var lastIsOut = crowd[^1].Poll(TimeSpan.Zero, SelectMode.SelectRead);
            var real = await page.GoAsync();
            crowd.ForEach(socket => socket.Dispose());
            return (First: first, LastIsOut: lastIsOut, Real: real);
        });

        Assert.Equal(("", false, 0), (shown.First, shown.LastIsOut, outcome.Code));
        Assert.Contains(SignedIn, shown.Real.Page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_answer_that_comes_byte_by_byte_is_an_answer()
    {
        var (outcome, answer) = await LoginAsync(async page =>
        {
            using var browser = new HttpClient(new HttpClientHandler { AllowAutoRedirect = false });
            using var sent = await browser.GetAsync(page.Address);
            using var socket = await page.ConnectAsync();
            socket.NoDelay = true;
            foreach (var letter in $"GET {sent.Headers.Location!.PathAndQuery} HTTP/1.1\r\nhost:{page.Callback.Authority}\r\n\r\n")
                await socket.SendAsync(new[] { (byte)letter });
            return await LoginPage.ReadAsync(socket);
        });

        Assert.StartsWith("HTTP/1.1 200 ", answer, StringComparison.Ordinal);
        Assert.Equal(0, outcome.Code);
    }

    [Fact]
    public async Task Of_answers_at_once_one_is_taken_and_its_code_is_sent_once()
    {
        const int Callers = 8;
        using var answered = new SemaphoreSlim(0);
        _server.On("POST /connect/token", _ =>
        {
            // The others get their answer while this one is still being worked on.
            for (var number = 1; number < Callers; number++)
                Assert.True(answered.Wait(TimeSpan.FromSeconds(20)));
            return FakeServer.Token(FakeServer.Jwt(_server.Origin));
        });

        var (outcome, shown) = await LoginAsync(page => Task.WhenAll(Enumerable.Range(0, Callers).Select(async number =>
        {
            var shown = await page.BringAsync($"code=code-{number}&state={page.State}&iss={Issuer}");
            answered.Release();
            return shown;
        })));

        Assert.Equal(0, outcome.Code);
        Assert.Single(shown, one => one.Page.Contains(SignedIn, StringComparison.Ordinal));
        var late = shown.Where(one => one.Page.Contains("answered already", StringComparison.Ordinal)).ToList();
        Assert.Equal((Callers - 1, HttpStatusCode.BadRequest), (late.Count, late.Select(one => one.Status).Distinct().Single()));
        Assert.Single(_server.Lines, line => line == "POST /connect/token");
    }

    [Fact]
    public async Task After_the_login_nobody_listens_any_more()
    {
        LoginPage? last = null;
        await LoginAsync(page => (last = page).GoAsync());

        await Assert.ThrowsAsync<SocketException>(() => last!.ConnectAsync());
    }

    [Fact]
    public async Task Only_this_machine_can_bring_an_answer()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Elsewhere 127.0.0.2 is no address of this machine.");
        var (outcome, refused) = await LoginAsync(async page =>
        {
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            var problem = await Record.ExceptionAsync(() => socket.ConnectAsync(IPAddress.Parse("127.0.0.2"), page.Callback.Port));
            await page.GoAsync();
            return problem;
        });

        Assert.IsType<SocketException>(refused);
        Assert.Equal(0, outcome.Code);
    }

    [Theory]
    [InlineData(400, """{"error":"invalid_grant","error_description":"The code has ended."}""", 1, "The code has ended.")]
    [InlineData(400, """{"error":"access_denied"}""", 4, "denied")]
    [InlineData(401, """{"error":"invalid_client"}""", 1, "invalid_client")]
    [InlineData(500, "<html>", 1, "something else than expected (500)")]
    [InlineData(200, "{}", 1, "something else than expected (200)")]
    [InlineData(200, """{"access_token":"two words"}""", 1, "something else than expected")]
    public async Task A_code_that_is_not_redeemed_ends_the_login_in_both_places_and_is_sent_once(int status, string body, int code, string words)
    {
        _server.On("POST /connect/token", _ => new Reply(status, body));

        var (outcome, shown) = await LoginAsync(page => page.GoAsync());

        Assert.Equal((code, ""), (outcome.Code, outcome.Out));
        Assert.Contains(words, outcome.Error, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.BadRequest, shown.Status);
        Assert.Contains(words, WebUtility.HtmlDecode(shown.Page), StringComparison.Ordinal);
        Assert.Single(_server.Lines, line => line == "POST /connect/token");
        Assert.Empty(_terminal.Contexts.Names());
    }

    [Fact]
    public async Task A_connection_that_breaks_while_the_code_is_redeemed_ends_the_login_in_both_places()
    {
        _server.On("POST /connect/token", _ => new Reply(0) { Abort = true });

        var (outcome, shown) = await LoginAsync(page => page.GoAsync());

        Assert.Equal(1, outcome.Code);
        Assert.Contains("cannot be reached", outcome.Error, StringComparison.Ordinal);
        Assert.Contains(NotSignedIn, shown.Page, StringComparison.Ordinal);
        Assert.Single(_server.Lines, line => line == "POST /connect/token");
    }

    [Fact]
    public async Task A_token_of_another_server_is_not_kept_and_the_page_says_so()
    {
        _server.AllowLoginInBrowser(FakeServer.Jwt(new Uri("https://other.example.org")));

        var (outcome, shown) = await LoginAsync(page => page.GoAsync());

        Assert.Equal(1, outcome.Code);
        Assert.Contains("It was not kept.", shown.Page, StringComparison.Ordinal);
        Assert.Empty(_terminal.Contexts.Names());
        Assert.DoesNotContain("GET /api/v1/me", _server.Lines);
    }

    [Fact]
    public async Task Nobody_is_waited_for_longer_than_ten_minutes()
    {
        using var terminal = new Terminal();

        var outcome = await terminal.RunAsync("auth", "login", "--browser", "--server", _server.Url);

        Assert.Equal((1, ""), (outcome.Code, outcome.Out));
        Assert.Contains("within 10 minutes", outcome.Error, StringComparison.Ordinal);
        Assert.Equal([600], terminal.Clock.Waits);
    }

    [Theory]
    [InlineData("https://evil.example/connect/authorize")]
    [InlineData("http://127.0.0.1:1/connect/authorize")]
    [InlineData("file:///etc/passwd")]
    [InlineData("javascript:alert(1)")]
    public async Task A_page_of_another_server_is_not_opened(string endpoint)
    {
        Publish(_server.DiscoveryDocument(authorization: endpoint));

        var outcome = await _terminal.RunAsync("auth", "login", "--browser", "--server", _server.Url);

        Assert.Equal(1, outcome.Code);
        Assert.Contains("not its own", outcome.Error, StringComparison.Ordinal);
        Assert.Empty(_terminal.Opened);
        Assert.Equal(["GET /.well-known/openid-configuration"], _server.Lines);
    }

    [Fact]
    public async Task A_server_without_such_a_page_is_named()
    {
        Publish(_server.DiscoveryDocument().Replace("\"authorization_endpoint\"", "\"other\"", StringComparison.Ordinal));

        var outcome = await _terminal.RunAsync("auth", "login", "--browser", "--server", _server.Url);

        Assert.Equal(1, outcome.Code);
        Assert.Contains($"{_server.Url} offers no login in the browser.", outcome.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_may_have_this_login_alone_and_a_query_in_the_address_of_its_page()
    {
        Publish(_server.DiscoveryDocument(authorization: _server.Url + "/connect/authorize?theme=dark#top")
            .Replace("\"device_authorization_endpoint\"", "\"other\"", StringComparison.Ordinal));

        var (outcome, _) = await LoginAsync(page => page.GoAsync());

        Assert.Equal(0, outcome.Code);
        Assert.Equal("dark", _server.Seen.Single(seen => seen.Line == "GET /connect/authorize").Parameter("theme"));
        Assert.Empty(_terminal.Opened.Single().Fragment);
    }

    [Fact]
    public async Task Browser_and_no_browser_exclude_each_other()
    {
        var outcome = await _terminal.RunAsync("auth", "login", "--browser", "--no-browser", "--server", _server.Url);

        Assert.Equal((2, ""), (outcome.Code, outcome.Out));
        Assert.Contains("--browser and --no-browser exclude each other.", outcome.Error, StringComparison.Ordinal);
        Assert.Empty(_server.Seen);
    }

    [Fact]
    public async Task The_help_says_where_the_other_login_is_the_right_one()
    {
        var help = (await _terminal.RunAsync("auth", "login", "--help")).Out;

        Assert.Contains("Over SSH, and wherever the browser is on another machine, leave --browser out.", help, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_program_prints_the_page_where_no_browser_can_be_opened_and_goes_on_once_somebody_has_been_there()
    {
        _terminal.Variables["SSH_CONNECTION"] = "10.0.0.1 5 10.0.0.2 22";
        using var process = _terminal.Start("auth", "login", "--browser", "--server", _server.Url);
        var (page, lines) = await ReadUntilItWaitsAsync(process);

        var shown = await page.GoAsync();
        await WaitForExitAsync(process);

        Assert.Contains(lines, line => line.StartsWith("No browser can be opened from here.", StringComparison.Ordinal));
        Assert.Contains(SignedIn, shown.Page, StringComparison.Ordinal);
        Assert.Equal(0, process.ExitCode);
        Assert.Equal("ada", _terminal.Contexts.Read(_server.ContextName)?.Username);
    }

    [Fact]
    public async Task Ctrl_C_ends_a_waiting_login_with_130_and_keeps_nothing()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "There is no SIGINT to send.");
        _terminal.Variables["SSH_CONNECTION"] = "10.0.0.1 5 10.0.0.2 22";
        using var process = _terminal.Start("auth", "login", "--browser", "--server", _server.Url);
        var (page, _) = await ReadUntilItWaitsAsync(process);
        using var half = await page.ConnectAsync("GET /callback?");
        using var kill = System.Diagnostics.Process.Start("kill", ["-INT", process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);

        await WaitForExitAsync(process);

        Assert.Equal(130, process.ExitCode);
        Assert.Empty(_terminal.Contexts.Names());
    }

    private void Publish(string document) => _server.On("GET /.well-known/openid-configuration", _ => new Reply(200, document));

    private string Filled(string text, LoginPage page) => text
        .Replace("{real}", $"code=code-secret&state={page.State}&iss={Issuer}", StringComparison.Ordinal)
        .Replace("{host}", page.Callback.Authority, StringComparison.Ordinal)
        .Replace("{state}", page.State, StringComparison.Ordinal)
        .Replace("{iss}", Issuer, StringComparison.Ordinal)
        .Replace("{bare}", Uri.EscapeDataString(_server.Url), StringComparison.Ordinal);

    /// <summary>Runs the login and what the person does meanwhile. A person who fails ends the test at once.</summary>
    private async Task<(Outcome Outcome, T Shown)> LoginAsync<T>(Func<LoginPage, Task<T>> person, params string[] more)
    {
        var done = new TaskCompletionSource<Task<T>>(TaskCreationOptions.RunContinuationsAsynchronously);
        _terminal.OnOpen = page => done.TrySetResult(Task.Run(() => person(new LoginPage(page))));
        var login = _terminal.RunAsync(["auth", "login", "--browser", "--server", _server.Url, .. more]);
        await Task.WhenAny(done.Task, login);
        // Both may be: the login of a person who is quick.
        if (!done.Task.IsCompleted)
            Assert.Fail((await login).Error);
        var shown = await (await done.Task).WaitAsync(TimeSpan.FromSeconds(60));
        return (await login.WaitAsync(TimeSpan.FromSeconds(60)), shown);
    }

    private static async Task<(LoginPage Page, IReadOnlyCollection<string> Lines)> ReadUntilItWaitsAsync(System.Diagnostics.Process process)
    {
        var lines = new List<string>();
        while (await process.StandardError.ReadLineAsync(TestContext.Current.CancellationToken) is { } line)
        {
            lines.Add(line);
            if (line.StartsWith("Waiting", StringComparison.Ordinal))
                return (new LoginPage(new Uri(lines.Single(other => other.Contains("/connect/authorize?", StringComparison.Ordinal)).Trim())), lines);
        }

        Assert.Fail(string.Join('\n', lines));
        return default;
    }

    private static async Task WaitForExitAsync(System.Diagnostics.Process process)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        await process.WaitForExitAsync(limit.Token);
    }
}
