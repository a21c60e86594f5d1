using System.Net;
using System.Text.RegularExpressions;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Data;
using Activate.Identity.Server.Setup;
using Activate.Identity.Server.Web;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Activate.Identity.Server.Tests.Setup;

public sealed partial class FirstOwnerTests
{
    private static readonly (string, string)[] s_filledIn =
    [
        ("Organization", "Institut für Hydrologie"), ("Username", "grace"), ("Email", "grace@example.test"), ("Password", "nanoseconds of wire"), ("Repeat", "nanoseconds of wire"),
    ];

    [GeneratedRegex(@"https?://[^ ]+(/setup\?code=([A-Za-z0-9_-]{43}))\s")]
    private static partial Regex Link();

    private static async Task<(TestServer Server, StringWriter Console)> StartAsync(TestServerOptions? options = null)
    {
        var console = new StringWriter();
        var server = await TestServer.StartAsync((options ?? new TestServerOptions()) with
        {
            Owner = false,
            Customize = builder => builder.Services.AddSingleton(new SetupConsole(TextWriter.Synchronized(console))),
        });
        return (server, console);
    }

    private static List<string> Links(StringWriter console) => [.. Link().Matches(console.ToString()).Select(match => match.Groups[1].Value)];

    [Fact]
    [Trait("Nodes", "One")]
    public async Task The_link_on_the_console_makes_the_first_owner_once_and_signs_in()
    {
        var (server, console) = await StartAsync();
        await using var _ = server;
        using var browser = server.Browser();
        await browser.GoAsync("/sign-in");
        Assert.Contains("not set up yet", browser.PageText, StringComparison.Ordinal);
        await browser.GoAsync("/setup");
        Assert.Equal(HttpStatusCode.Forbidden, browser.Response.StatusCode);
        Assert.Contains("Restart the server", browser.PageText, StringComparison.Ordinal);

        var link = Assert.Single(Links(console));
        await browser.GoAsync(link);
        Assert.Equal(new Uri(server.Origin, "/setup"), browser.Address);
        Assert.DoesNotContain(link[^43..], browser.Body, StringComparison.Ordinal);
        await browser.SubmitAsync("Create account", s_filledIn);
        Assert.Equal("/", browser.Address.AbsolutePath);
        Assert.Contains("Welcome, grace", browser.PageText, StringComparison.Ordinal);
        Assert.Contains("institut-fur-hydrologie", browser.PageText, StringComparison.Ordinal);
        var owner = await server.QueryAsync(database => database.Users.SingleAsync());
        Assert.Equal((Role.Owner, true), (owner.Role, owner.IsOperator));
        Assert.False(await server.QueryAsync(database => database.OneTimeCodes.AnyAsync()));

        await browser.GoAsync(link);
        Assert.Equal(HttpStatusCode.NotFound, browser.Response.StatusCode);
        await browser.GoAsync("/setup");
        Assert.Equal(HttpStatusCode.NotFound, browser.Response.StatusCode);

        // L1: neither the code nor the password is in a log.
        Assert.DoesNotContain(server.Logs.Lines, line => line.Contains(link[^43..], StringComparison.Ordinal) || line.Contains("nanoseconds", StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_is_wrong_stands_beside_its_field_and_the_rest_is_kept()
    {
        var (server, console) = await StartAsync();
        await using var _ = server;
        using var browser = server.Browser();
        await browser.GoAsync(Links(console)[0]);
        await browser.SubmitAsync("Create account", ("Organization", "Hydrology Lab"), ("Username", "root"), ("Email", "nobody"), ("Password", "short"), ("Repeat", "other"));
        Assert.Equal(HttpStatusCode.BadRequest, browser.Response.StatusCode);
        foreach (var field in new[] { "Username", "Email", "Password", "Repeat" })
        {
            var input = browser.Page.QuerySelector($"#{field}")!;
            Assert.Equal("true", input.GetAttribute("aria-invalid"));
            Assert.NotNull(browser.Page.QuerySelector($"#{field}-error"));
            Assert.Contains($"{field}-error", input.GetAttribute("aria-describedby")!, StringComparison.Ordinal);
            Assert.NotNull(browser.Page.QuerySelector($"label[for={field}]"));
        }

        Assert.NotNull(browser.Page.QuerySelector("[role=alert]"));
        Assert.Equal("Hydrology Lab", browser.Page.QuerySelector("#Organization")!.GetAttribute("value"));
        Assert.Equal("root", browser.Page.QuerySelector("#Username")!.GetAttribute("value"));
        Assert.Null(browser.Page.QuerySelector("#Organization-error"));
        Assert.DoesNotContain("short\"", browser.Body, StringComparison.Ordinal);

        await browser.SubmitAsync("Create account", s_filledIn);
        Assert.Contains("Welcome, grace", browser.PageText, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_link_lasts_24_hours()
    {
        var (server, console) = await StartAsync(new TestServerOptions { FakeClock = true });
        await using var _ = server;
        using var browser = server.Browser();
        await browser.GoAsync(Links(console)[0]);
        var late = browser.FormRequest("Create account", s_filledIn);
        server.Clock!.Advance(TimeSpan.FromHours(24));
        await browser.SendAsync(late);
        Assert.Equal(HttpStatusCode.Forbidden, browser.Response.StatusCode);
        Assert.False(await server.QueryAsync(database => database.Users.AnyAsync()));
        using var other = server.Browser();
        await other.GoAsync($"/setup?code={new string('A', 43)}");
        Assert.Contains("Restart the server", other.PageText, StringComparison.Ordinal);
    }

    [Theory, Trait("Case", "R7")]
    [EachDatabase]
    public async Task Of_many_who_send_the_form_at_once_on_two_nodes_one_becomes_owner(DatabaseProvider provider)
    {
        var (server, console) = await StartAsync(new TestServerOptions { Nodes = 2, Database = provider });
        await using var _ = server;
        var links = Links(console);
        Assert.Equal(2, links.Count);
        var browsers = Enumerable.Range(0, 8).Select(i => server.Browser(i % 2)).ToList();
        await Task.WhenAll(browsers.Select((browser, i) => browser.GoAsync(links[i / 4])));
        await Task.WhenAll(browsers.Select((browser, i) => browser.SubmitAsync("Create account", follow: false,
            [.. s_filledIn.Where(field => field.Item1 is not ("Username" or "Email")), ("Username", $"grace{i}"), ("Email", $"grace{i}@example.test")])));
        Assert.Single(browsers, browser => browser.Response.StatusCode == HttpStatusCode.SeeOther);
        Assert.All(browsers, browser => Assert.Contains((int)browser.Response.StatusCode, new[] { 303, 403, 404, 409 }));
        Assert.Equal(1, await server.QueryAsync(database => database.Users.CountAsync()));
        Assert.Equal(1, await server.QueryAsync(database => database.Organizations.CountAsync()));
        browsers.ForEach(browser => browser.Dispose());
    }

    [Fact]
    public async Task Settings_make_the_owner_once_however_often_and_wherever_it_starts()
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { Nodes = 2 });
        Assert.Equal((1, 1), await server.QueryAsync(async database => (await database.Users.CountAsync(), await database.Organizations.CountAsync())));
        Assert.Equal("hydrology-lab", await server.QueryAsync(database => database.Organizations.Select(o => o.Slug).SingleAsync()));
        using var browser = server.Browser(1);
        await browser.GoAsync("/setup");
        Assert.Equal(HttpStatusCode.NotFound, browser.Response.StatusCode);
    }

    [Theory]
    [InlineData("Setup:Password", "canary-pw", "Setup:Password: A password has at least 12 characters.")]
    [InlineData("Setup:Password", null, "Setup:Password: Choose a password.")]
    [InlineData("Setup:Username", "ubuntu", "Setup:Username: 'ubuntu' is the name of a system account")]
    [InlineData("Setup:Email", "nobody", "Setup:Email: That is not an e-mail address")]
    [InlineData("Setup:Email", null, "Setup:Email: Give an e-mail address.")]
    [InlineData("Setup:Organization", null, "Setup:Organization: Give the organization's name.")]
    public async Task Settings_that_break_a_rule_stop_the_start_and_name_the_rule(string key, string? value, string message)
    {
        var refusal = await Assert.ThrowsAsync<StartupException>(() => TestServer.StartAsync(new TestServerOptions { Settings = new Dictionary<string, string?> { [key] = value } }));
        Assert.StartsWith(message, refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("canary", refusal.Message, StringComparison.Ordinal);
    }
}
