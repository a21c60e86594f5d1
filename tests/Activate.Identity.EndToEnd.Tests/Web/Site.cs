using System.Net.Http.Headers;
using System.Net.Http.Json;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Data;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Server.Accounts;
using Activate.Identity.Testing;
using Deque.AxeCore.Commons;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;

namespace Activate.Identity.EndToEnd.Tests.Web;

/// <summary>A real server process with its first owner, and Debian's Chromium: one of each for a class of tests.</summary>
public sealed class Site : IAsyncLifetime
{
    public const string Username = "ada";
    public const string Password = "analytical engine no. 1";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("activate-site-");
    private RunningProgram? _server;
    private IPlaywright? _playwright;
    private BrowserTypeLaunchOptions? _launch;
    private IBrowser? _browser;

    /// <summary>The first owner's username.</summary>
    public string Owner { get; init; } = Username;

    /// <summary>A name of this machine. Cookies do not tell ports apart: two servers in one browser need two.</summary>
    public string Host { get; init; } = "localhost";

    /// <summary>Further settings, by the names of the configuration.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; init; } = new Dictionary<string, string>();

    public Uri Origin => field ??= new Uri($"http://{Host}:{RunningProgram.FreePort()}");

    internal RunningProgram Server => _server!;

    private string[] Arguments =>
        ["--environment", "Development", $"--Urls=http://127.0.0.1:{Origin.Port}", $"--Server:PublicOrigin={Origin.GetLeftPart(UriPartial.Authority)}", $"--Data:Folder={_folder.FullName}",
            .. Settings.Select(setting => $"--{setting.Key}={setting.Value}")];

    public async ValueTask InitializeAsync()
    {
        var chromium = Tools.Require("Chromium", "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome");
        await MigratedFile.CopyToAsync(_folder.FullName);
        _server = RunningProgram.Start("Activate.Identity.Server.dll", Arguments,
            new Dictionary<string, string>
            {
                ["Setup__Organization"] = "Hydrology Lab", ["Setup__Username"] = Owner, ["Setup__Email"] = "ada@example.test", ["Setup__Password"] = Password,
            });
        // A machine that does much else needs its time.
        await _server.WaitForAsync("Application started", TimeSpan.FromMinutes(3));
        _playwright = await Playwright.CreateAsync();
        _launch = new BrowserTypeLaunchOptions
        {
            ExecutablePath = chromium,
            Args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
            Timeout = 90_000,
        };
        _browser = await _playwright.Chromium.LaunchAsync(_launch);
    }

    /// <summary>The person in the window logs a device in that may manage: its access token.</summary>
    public async Task<string> LoginWithDeviceAsync(Window window)
    {
        using var client = TestServer.ClientOf(Origin, Origin.Port);
        var login = await PostAsync("/connect/device", ("client_id", "activate-cli"), ("scope", TestServer.ManageScopes));
        await window.Page.GotoAsync("/device");
        await window.Page.GetByLabel("Code").FillAsync(login.Text("user_code"));
        await window.Page.GetByRole(AriaRole.Button, new() { Name = "Continue" }).ClickAsync();
        await window.Page.GetByRole(AriaRole.Button, new() { Name = "Allow" }).ClickAsync();
        await Assertions.Expect(window.Page.GetByText("Device connected")).ToBeVisibleAsync();
        return (await PostAsync("/connect/token", ("client_id", "activate-cli"), ("grant_type", TestServer.DeviceGrantType), ("device_code", login.Text("device_code")))).Text("access_token");

        async Task<Answer> PostAsync(string path, params (string Name, string Value)[] fields) =>
            await Answer.FromAsync(await client.PostAsync(path, new FormUrlEncodedContent(fields.Select(field => KeyValuePair.Create(field.Name, field.Value)))));
    }

    /// <summary>Calls the REST API with a credential.</summary>
    internal async Task<Answer> ApiAsync(HttpMethod method, string path, string bearer, object? body = null, string? ifMatch = null)
    {
        using var client = TestServer.ClientOf(Origin, Origin.Port);
        using var request = new HttpRequestMessage(method, path) { Content = body is null ? null : JsonContent.Create(body) };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", bearer);
        if (ifMatch is not null)
            request.Headers.TryAddWithoutValidation("If-Match", ifMatch);
        return await Answer.FromAsync(await client.SendAsync(request));
    }

    /// <summary>A member of the first owner's organization, with the same password.</summary>
    public Task AddMemberAsync(string username) => WithServicesAsync(async services =>
    {
        var organization = await services.GetRequiredService<ActivateDbContext>().Users.Where(user => user.UserName == Owner).Select(user => user.OrganizationId).SingleAsync();
        var made = await services.GetRequiredService<UserRegistry>().CreateAsync(organization, username, $"{username}@example.test", Password, Role.Member, false, UserKind.Person, CancellationToken.None);
        Assert.True(made.TryGet(out _, out var problem), problem?.Detail);
    });

    /// <summary>Does what has no page, or what only time would do, in another process on the same database.</summary>
    internal async Task WithServicesAsync(Func<IServiceProvider, Task> act)
    {
        await using var process = Activate.Identity.Server.Program.Build(Arguments);
        await using var scope = process.Services.CreateAsyncScope();
        await act(scope.ServiceProvider);
    }

    /// <summary>Nothing can be written until what it gives is disposed of.</summary>
    public async Task<IAsyncDisposable> LockDatabaseAsync()
    {
        var connection = new SqliteConnection($"Data Source={Path.Combine(_folder.FullName, "activate-identity.db")};Pooling=False");
        await connection.OpenAsync();
        await using var begin = connection.CreateCommand();
        begin.CommandText = "BEGIN EXCLUSIVE";
        await begin.ExecuteNonQueryAsync();
        return connection;
    }

    /// <summary>Where the link of the newest mail to somebody leads; it is sent within seconds.</summary>
    public async Task<string> LinkMailedAsync(string address, string subject)
    {
        var mails = new MailFolder(Path.Combine(_folder.FullName, "mail"), Origin);
        for (var i = 0; i < 600; i++)
        {
            if (mails.To(address).LastOrDefault(mail => mail.Subject == subject) is { } mail)
                return mails.LinkIn(mail);
            await Task.Delay(100);
        }

        throw new InvalidOperationException($"No mail '{subject}' to {address} within a minute.");
    }

    /// <summary>A fresh browser window that keeps what the page complains about.</summary>
    /// <param name="javaScript">False: as without scripts.</param>
    /// <param name="width">In CSS pixels.</param>
    /// <param name="scheme">Light or dark.</param>
    /// <param name="keepsPages">A browser of its own with the back/forward cache that people have and Playwright switches off.</param>
    /// <param name="username">Who signs in there; null: the owner.</param>
    public async Task<Window> OpenAsync(bool javaScript = true, int width = 1280, ColorScheme scheme = ColorScheme.Light, bool keepsPages = false, string? username = null)
    {
        var own = keepsPages ? await _playwright!.Chromium.LaunchAsync(new BrowserTypeLaunchOptions(_launch!) { IgnoreDefaultArgs = ["--disable-back-forward-cache"] }) : null;
        var context = await (own ?? _browser!).NewContextAsync(new BrowserNewContextOptions
        {
            BaseURL = Origin.ToString(),
            JavaScriptEnabled = javaScript,
            ColorScheme = scheme,
            ViewportSize = new ViewportSize { Width = width, Height = width < 600 ? 740 : 800 },
            Permissions = ["clipboard-read", "clipboard-write"],
        });
        // Patience for machines that do much else; a page that is there is seen at once.
        context.SetDefaultTimeout(60_000);
        Assertions.SetDefaultExpectTimeout(30_000);
        return new Window(context, await context.NewPageAsync(), username ?? Owner, own);
    }

    public async ValueTask DisposeAsync()
    {
        if (_browser is not null)
            await _browser.DisposeAsync();
        _playwright?.Dispose();
        if (_server is not null)
            await _server.DisposeAsync();
        _folder.Delete(recursive: true);
    }
}

/// <summary>One window with its cookies.</summary>
public sealed class Window : IAsyncDisposable
{
    private static readonly string s_axe = new BundledAxeScriptProvider().GetScript();
    private readonly IBrowserContext _context;
    private readonly IBrowser? _own;
    private readonly string _username;
    private readonly List<string> _complaints = [];

    public Window(IBrowserContext context, IPage page, string username, IBrowser? own = null)
    {
        (_context, Page, _username, _own) = (context, page, username, own);
        // Errors of scripts, refused resources and broken content-security rules all come to the console.
        page.Console += (_, message) =>
        {
            // That a form was refused is told by its status, which the console repeats.
            if (message.Type is "error" or "warning" && !(message.Text.StartsWith("Failed to load resource: the server responded with a status of 4", StringComparison.Ordinal) && message.Location.StartsWith(page.Url, StringComparison.Ordinal)))
                _complaints.Add($"{page.Url}: {message.Text}");
        };
        page.PageError += (_, error) => _complaints.Add($"{page.Url}: {error}");
    }

    public IPage Page { get; }

    public async Task SignInAsync(string path = "/")
    {
        await Page.GotoAsync($"/sign-in?returnUrl={Uri.EscapeDataString(path)}");
        await TypePasswordAsync();
    }

    /// <summary>Signs in on the page as it is.</summary>
    public async Task TypePasswordAsync()
    {
        await Page.GetByLabel("Username").FillAsync(_username);
        await Page.GetByLabel("Password").FillAsync(Site.Password);
        await Page.GetByRole(AriaRole.Button, new() { Name = "Sign in" }).ClickAsync();
        await Assertions.Expect(Page).Not.ToHaveURLAsync(new System.Text.RegularExpressions.Regex("^http://[^/]+/sign-in"));
    }

    /// <summary>No violation of axe's rules (WCAG A and AA, and best practices) on the page as it is.</summary>
    /// <remarks>Run in the page itself: the package's own way opens another page each time to gather the results of frames, and ours has none.</remarks>
    /// <param name="rules">Only these; none: all.</param>
    public async Task AssertAccessibleAsync(params string[] rules)
    {
        if (!await Page.EvaluateAsync<bool>("() => 'axe' in window"))
            await Page.EvaluateAsync(s_axe);
        var violations = await Page.EvaluateAsync<string[]>("""
            async rules => (await axe.run(document, { resultTypes: ['violations'], ...(rules.length > 0 ? { runOnly: rules } : {}) })).violations
                .map(it => `${it.id}: ${it.help} — ${it.nodes.map(node => node.html).join(' | ')}`)
            """, rules);
        Assert.True(violations.Length == 0, $"{Page.Url}: {string.Join('\n', violations)}");
    }

    public void AssertNoComplaints() => Assert.Empty(_complaints);

    public async ValueTask DisposeAsync()
    {
        await _context.DisposeAsync();
        if (_own is not null)
            await _own.DisposeAsync();
    }
}
