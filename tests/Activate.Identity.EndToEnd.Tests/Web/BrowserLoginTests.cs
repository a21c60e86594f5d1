using System.Text.RegularExpressions;
using Microsoft.Playwright;

namespace Activate.Identity.EndToEnd.Tests.Web;

/// <summary><c>actid auth login --browser</c> with the real server and a real browser: the page, its way back to this machine, and what is shown there.</summary>
public sealed class BrowserLoginTests(Site site) : IClassFixture<Site>, IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("activate-browser-login-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task The_browser_brings_the_answer_and_the_command_line_is_signed_in()
    {
        var actid = new Actid(_folder.FullName);
        await using var window = await site.OpenAsync();
        await window.SignInAsync();
        await using var login = Start(actid, "--hours", "3", "--device-name", "workstation-12");

        await window.Page.GotoAsync(await AddressAsync(login));
        await Assertions.Expect(window.Page.GetByText("workstation-12")).ToBeVisibleAsync();
        await window.Page.GetByRole(AriaRole.Button, new() { Name = "Allow" }).ClickAsync();

        await Assertions.Expect(window.Page.GetByRole(AriaRole.Heading, new() { Name = "Signed in. You can close this window." })).ToBeVisibleAsync();
        await window.AssertAccessibleAsync();
        window.AssertNoComplaints();
        Assert.True(await login.ExitAsync() == 0, login.Output);
        var status = await actid.RunAsync("", "auth", "status");
        Assert.Equal(0, status.Code);
        Assert.Contains("'workstation-12'", status.Out, StringComparison.Ordinal);
        Assert.Contains("in 2 h 59 min", status.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Denied_in_the_browser_is_exit_code_4_and_nothing_is_kept()
    {
        var actid = new Actid(_folder.FullName);
        await using var window = await site.OpenAsync();
        await window.SignInAsync();
        await using var login = Start(actid);

        await window.Page.GotoAsync(await AddressAsync(login));
        await window.Page.GetByRole(AriaRole.Button, new() { Name = "Deny" }).ClickAsync();

        await Assertions.Expect(window.Page.GetByText("The sign-in was denied in the browser (access_denied).")).ToBeVisibleAsync();
        Assert.True(await login.ExitAsync() == 4, login.Output);
        Assert.Equal(3, (await actid.RunAsync("", "auth", "status")).Code);
    }

    private RunningProgram Start(Actid actid, params string[] more) =>
        actid.Start(["auth", "login", "--browser", "--server", site.Origin.GetLeftPart(UriPartial.Authority), .. more]);

    private Task<string> AddressAsync(RunningProgram login) => login.WaitForAsync($@"({Regex.Escape(site.Origin.ToString())}connect/authorize\?\S+)");
}
