using Activate.Identity.Core.Organizations;
using Activate.Identity.Core.SecondFactors;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Testing;

namespace Activate.Identity.Server.Tests.SecondFactors;

/// <summary>An authenticator app: the key that the page showed, and the codes on paper that came with it.</summary>
internal sealed record App(byte[] Key, IReadOnlyList<string> RecoveryCodes)
{
    public string CodeAt(DateTime now) => Totp.CodeAt(Key, Totp.StepAt(now));
}

internal static class Fixtures
{
    /// <summary>An organization of its own with an owner.</summary>
    public static async Task<User> NewOwnerAsync(this TestServer server, string? name = null)
    {
        var organization = await server.CreateOrganizationAsync($"o{Guid.NewGuid():N}"[..20]);
        return await server.CreateUserAsync(name ?? $"u{Guid.NewGuid():N}"[..20], Role.Owner, organization.Id);
    }

    public static Task<Browser> SignInAsync(this TestServer server, User user) => server.SignInAsync(username: user.UserName!, password: TestServer.UserPassword);

    /// <summary>Gives the password on a fresh browser, and stops where that led to.</summary>
    public static async Task<Browser> GivePasswordAsync(this TestServer server, User user, Browser? browser = null, string path = "/", int node = 0)
    {
        browser ??= server.Browser(node);
        await browser.GoAsync($"/sign-in?returnUrl={Uri.EscapeDataString(path)}");
        return await browser.SubmitAsync("Sign in", ("Username", user.UserName!), ("Password", TestServer.UserPassword));
    }

    /// <summary>Takes the page's key into an app and sets it up.</summary>
    public static async Task<App> SetUpAppAsync(this TestServer server, Browser browser)
    {
        if (browser.Page.QuerySelector("#totp-key") is null)
            await browser.GoAsync("/account/security/authenticator");
        var app = new App(Decode(browser.Page.QuerySelector("#totp-key")!.TextContent), []);
        await browser.SubmitAsync("Set Up App", ("Code", app.CodeAt(server.Now)));
        return app with { RecoveryCodes = CodesOf(browser) };
    }

    public static IReadOnlyList<string> CodesOf(Browser browser) => browser.Page.QuerySelector("pre.codes")?.TextContent.Split('\n', StringSplitOptions.RemoveEmptyEntries) ?? [];

    public static Task<Browser> GiveCodeAsync(this Browser browser, string code) => browser.SubmitAsync("Continue", ("Code", code));

    private static byte[] Decode(string base32)
    {
        var (bytes, bits, count) = (new List<byte>(), 0, 0);
        foreach (var c in base32.Where(char.IsAsciiLetterOrDigit))
        {
            (bits, count) = ((bits << 5) | "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".IndexOf(c, StringComparison.Ordinal), count + 5);
            if (count < 8)
                continue;
            bytes.Add((byte)(bits >> (count - 8)));
            (bits, count) = (bits & ((1 << (count - 8)) - 1), count - 8);
        }

        return [.. bytes];
    }
}
