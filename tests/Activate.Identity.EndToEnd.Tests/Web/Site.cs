using Activate.Identity.Testing;
using Deque.AxeCore.Playwright;
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
    private IBrowser? _browser;

    public Uri Origin { get; } = new($"http://localhost:{RunningProgram.FreePort()}");

    internal RunningProgram Server => _server!;

    public async ValueTask InitializeAsync()
    {
        var chromium = Tools.Require("Chromium", "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome");
        var origin = Origin.GetLeftPart(UriPartial.Authority);
        _server = RunningProgram.Start("Activate.Identity.Server.dll",
            ["--environment", "Development", $"--Urls=http://127.0.0.1:{Origin.Port}", $"--Server:PublicOrigin={origin}", $"--Data:Folder={_folder.FullName}"],
            new Dictionary<string, string>
            {
                ["Setup__Organization"] = "Hydrology Lab", ["Setup__Username"] = Username, ["Setup__Email"] = "ada@example.test", ["Setup__Password"] = Password,
            });
        await _server.WaitForAsync("Application started");
        _playwright = await Playwright.CreateAsync();
        _browser = await _playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions
        {
            ExecutablePath = chromium,
            Args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
            Timeout = 90_000,
        });
    }

    /// <summary>A fresh browser window that keeps what the page complains about.</summary>
    public async Task<Window> OpenAsync(bool javaScript = true, int width = 1280, ColorScheme scheme = ColorScheme.Light)
    {
        var context = await _browser!.NewContextAsync(new BrowserNewContextOptions
        {
            BaseURL = Origin.ToString(),
            JavaScriptEnabled = javaScript,
            ColorScheme = scheme,
            ViewportSize = new ViewportSize { Width = width, Height = width < 600 ? 740 : 800 },
            Permissions = ["clipboard-read", "clipboard-write"],
        });
        context.SetDefaultTimeout(20_000);
        return new Window(context, await context.NewPageAsync());
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
    private readonly IBrowserContext _context;
    private readonly List<string> _complaints = [];

    public Window(IBrowserContext context, IPage page)
    {
        (_context, Page) = (context, page);
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
        await Page.GetByLabel("Username").FillAsync(Site.Username);
        await Page.GetByLabel("Password").FillAsync(Site.Password);
        await Page.GetByRole(AriaRole.Button, new() { Name = "Sign in" }).ClickAsync();
        await Page.WaitForURLAsync($"**{path}");
    }

    /// <summary>No violation of axe's rules (WCAG A and AA, and best practices) on the page as it is.</summary>
    public async Task AssertAccessibleAsync()
    {
        var result = await Page.RunAxe();
        Assert.True(result.Violations.Length == 0, $"{Page.Url}: " + string.Join("\n", result.Violations.Select(violation =>
            $"{violation.Id}: {violation.Help} — {string.Join(" | ", violation.Nodes.Select(node => node.Html))}")));
    }

    public void AssertNoComplaints() => Assert.Empty(_complaints);

    public async ValueTask DisposeAsync() => await _context.DisposeAsync();
}
