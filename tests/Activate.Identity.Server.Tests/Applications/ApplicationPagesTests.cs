using System.Net;
using System.Text.RegularExpressions;
using Activate.Identity.Core.Applications;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Server.Tests.Connect;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Tests.Applications;

/// <summary>Applications in the browser, without JavaScript.</summary>
public class ApplicationPagesTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private const string Path = "/organization/applications";
    private readonly TestServer _server = shared.Server;

    private async Task<(Guid Organization, string Username, Browser Browser)> NewAdminAsync(bool isOperator = false)
    {
        var organization = await _server.CreateOrganizationAsync(shared.NewName("org"));
        var (username, browser) = await shared.NewUserAsync(Role.Admin, organization.Id);
        if (isOperator)
            await _server.QueryAsync(database => database.Users.Where(u => u.UserName == username).ExecuteUpdateAsync(set => set.SetProperty(u => u.IsOperator, true)));
        return (organization.Id, username, browser);
    }

    private static async Task<(string Secret, string ClientId)> AddAsync(Browser browser, string name, params (string Name, string Value)[] fields)
    {
        await browser.GoAsync($"{Path}/add");
        await browser.SubmitAsync("Add Application", [("Name", name), ("RedirectUris", "https://app.example.test/cb"), .. fields]);
        Assert.True(browser.Response.StatusCode == HttpStatusCode.OK, browser.PageText);
        return (browser.Page.QuerySelector("#secret")?.TextContent ?? "", browser.Page.QuerySelector("dl.facts code")!.TextContent);
    }

    private Task<int> OldSignInAsync(string username) => _server.QueryAsync(database =>
        database.BrowserSessions.Where(s => s.User!.UserName == username).ExecuteUpdateAsync(set => set.SetProperty(s => s.AuthenticatedAt, s => s.AuthenticatedAt.AddMinutes(-11))));

    [Fact]
    public async Task An_administrator_adds_one_sees_its_secret_once_changes_suspends_and_deletes_it()
    {
        var (_, _, browser) = await NewAdminAsync();
        await browser.GoAsync(Path);
        Assert.Contains("Your organization has no applications. Add one when", browser.PageText, StringComparison.Ordinal);
        await browser.GoAsync($"{Path}/add");
        var request = browser.FormRequest("Add Application", ("Name", "Portal"), ("RedirectUris", "https://app.example.test/cb\r\n\r\n https://app.example.test/cb2 "));
        var again = browser.FormRequest("Add Application", ("Name", "Portal"), ("RedirectUris", "https://app.example.test/cb"));
        await browser.SendAsync(request);
        var secret = browser.Page.QuerySelector("#secret")!.TextContent;
        Assert.Matches($"^{ClientSecret.Pattern}$", secret);
        Assert.Contains("no-store", browser.Response.Headers.CacheControl?.ToString(), StringComparison.Ordinal);
        var id = browser.Page.QuerySelector("dl.facts code")!.TextContent;

        // A reload makes no second one and shows nothing.
        await browser.SendAsync(again);
        Assert.Equal(HttpStatusCode.Conflict, browser.Response.StatusCode);
        Assert.Contains("This form was sent before", browser.PageText, StringComparison.Ordinal);
        Assert.DoesNotContain(secret, browser.Body, StringComparison.Ordinal);

        await browser.GoAsync($"{Path}/{id}");
        Assert.DoesNotContain(secret, browser.Body, StringComparison.Ordinal);
        Assert.Equal("https://app.example.test/cb\nhttps://app.example.test/cb2", browser.Page.QuerySelector("#RedirectUris")!.TextContent.ReplaceLineEndings("\n"));
        await browser.SubmitAsync("Save", ("Publisher", "Example GmbH"), ("RedirectUris", "https://app.example.test/cb"));
        Assert.Contains("The application was changed.", browser.PageText, StringComparison.Ordinal);
        Assert.Equal("Example GmbH", browser.Page.QuerySelector("#Publisher")!.GetAttribute("value"));
        await browser.SubmitAsync("Suspend");
        Assert.Contains("The application is suspended", browser.PageText, StringComparison.Ordinal);
        await browser.SubmitAsync("Resume");
        Assert.Contains("The application works again", browser.PageText, StringComparison.Ordinal);

        await browser.SubmitAsync("Rotate Secret", ("OverlapHours", "24"));
        var second = browser.Page.QuerySelector("#secret")!.TextContent;
        Assert.NotEqual(secret, second);
        foreach (var works in (string[])[secret, second])
            Assert.Equal(200, (await _server.IntrospectAsync(id, works, "x")).Status);

        await browser.GoAsync($"{Path}?delete={id}");
        Assert.Contains("Delete the application “Portal”?", browser.PageText, StringComparison.Ordinal);
        await browser.SubmitAsync("Delete Application");
        Assert.Contains("The application “Portal” was deleted.", browser.PageText, StringComparison.Ordinal);
        await browser.GoAsync($"{Path}/{id}");
        Assert.Equal(HttpStatusCode.NotFound, browser.Response.StatusCode);
        Assert.Equal(401, (await _server.IntrospectAsync(id, second, "x")).Status);
    }

    [Theory]
    [InlineData("RedirectUris", "javascript:alert(1)")]
    [InlineData("RedirectUris", "")]
    [InlineData("Name", "ACTIVATE")]
    [InlineData("Name", "")]
    [InlineData("LogoUri", "http://app.example.test/x.png")]
    [InlineData("Type", "nothing")]
    [InlineData("Jwks", "{")]
    [InlineData("Publisher", "Parallel Works")]
    public async Task What_is_refused_stands_beside_its_field_with_what_was_typed(string field, string value)
    {
        var (organization, _, browser) = await NewAdminAsync();
        await browser.GoAsync($"{Path}/add");
        await browser.SubmitAsync("Add Application", [.. new[] { ("Name", "Portal"), ("RedirectUris", "https://app.example.test/cb") }.Where(f => f.Item1 != field), (field, value)]);
        Assert.Equal(HttpStatusCode.BadRequest, browser.Response.StatusCode);
        Assert.NotEmpty(browser.Page.QuerySelector($"#{field}-error")!.TextContent);
        Assert.NotNull(browser.Page.QuerySelector("[role=alert]"));
        if (field != "Type")
            Assert.Equal(value, browser.Page.QuerySelector($"textarea#{field}")?.TextContent ?? browser.Page.QuerySelector($"#{field}")!.GetAttribute("value") ?? "");
        Assert.Equal(0, await _server.QueryAsync(database => database.Applications.CountAsync(a => a.OrganizationId == organization)));
    }

    [Fact]
    public async Task A_private_key_is_not_sent_back()
    {
        var (_, _, browser) = await NewAdminAsync();
        await browser.GoAsync($"{Path}/add");
        await browser.SubmitAsync("Add Application", ("Name", "Keyed"), ("RedirectUris", "https://app.example.test/cb"), ("Jwks", """{"kty":"RSA","n":"AQ","e":"AQAB","d":"c2VjcmV0"}"""));
        Assert.Contains("PRIVATE key", browser.PageText, StringComparison.Ordinal);
        Assert.DoesNotContain("c2VjcmV0", browser.Body, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Case", "W4")]
    public async Task A_name_that_is_markup_is_only_a_name_everywhere()
    {
        const string Name = "<svg onload=alert(1)>";
        var (_, _, browser) = await NewAdminAsync();
        var (_, id) = await AddAsync(browser, Name, ("Publisher", "\"><script>alert(2)</script>"));
        AssertHarmless();
        foreach (var path in (string[])[Path, $"{Path}/{id}", $"{Path}?delete={id}"])
        {
            await browser.GoAsync(path);
            Assert.Contains(Name, browser.PageText, StringComparison.Ordinal);
            AssertHarmless();
        }

        await browser.GoAsync($"{Path}?delete={id}");
        await browser.SubmitAsync("Delete Application");
        Assert.Contains(Name, browser.PageText, StringComparison.Ordinal);
        AssertHarmless();

        void AssertHarmless()
        {
            Assert.DoesNotContain("<svg onload", browser.Body, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain("<script>", browser.Body, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotMatch(new Regex("script-src[^;]*unsafe-inline"), string.Join(' ', browser.Response.Headers.GetValues("Content-Security-Policy")));
        }
    }

    [Fact]
    public async Task Members_see_nothing_and_an_old_sign_in_changes_nothing()
    {
        var (organization, username, browser) = await NewAdminAsync();
        var (secret, id) = await AddAsync(browser, "Portal");
        var (_, member) = await shared.NewUserAsync(Role.Member, organization);
        await member.GoAsync("/account/profile");
        Assert.Null(member.Page.QuerySelector("a[href='/organization/applications']"));
        await member.GoAsync(Path);
        Assert.Equal(HttpStatusCode.Forbidden, member.Response.StatusCode);
        Assert.DoesNotContain("Portal", member.Body, StringComparison.Ordinal);
        await member.GoAsync($"{Path}/add");
        Assert.Equal(HttpStatusCode.Forbidden, member.Response.StatusCode);
        await member.GoAsync($"{Path}/{id}");
        Assert.Equal(HttpStatusCode.NotFound, member.Response.StatusCode);

        await browser.GoAsync($"{Path}/{id}");
        Assert.NotNull(browser.Page.QuerySelector("a[href='/organization/applications']"));
        var requests = new[] { browser.FormRequest("Suspend"), browser.FormRequest("Rotate Secret"), browser.FormRequest("Save", ("Name", "Mine")) };
        await browser.GoAsync($"{Path}?delete={id}");
        var delete = browser.FormRequest("Delete Application");
        await browser.GoAsync($"{Path}/add");
        var add = browser.FormRequest("Add Application", ("Name", "Second"), ("RedirectUris", "https://app.example.test/cb"));
        await OldSignInAsync(username);
        foreach (var request in requests.Append(delete).Append(add))
        {
            await browser.SendAsync(request);
            Assert.Equal(HttpStatusCode.Forbidden, browser.Response.StatusCode);
            Assert.NotNull(browser.Page.QuerySelector("a[href*=reauthenticate]"));
        }

        Assert.Equal(["Portal"], await _server.QueryAsync(database => database.Applications.Where(a => a.OrganizationId == organization && !a.Suspended).Select(a => a.DisplayName).ToListAsync()));
        Assert.Equal(200, (await _server.IntrospectAsync(id, secret, "x")).Status);
    }

    [Fact]
    [Trait("Case", "O1")]
    public async Task Another_organizations_application_is_not_there()
    {
        var (_, _, browser) = await NewAdminAsync();
        var (secret, id) = await AddAsync(browser, "Portal");
        var (_, _, stranger) = await NewAdminAsync(isOperator: true);
        await AddAsync(stranger, "Own");
        await stranger.GoAsync(Path);
        Assert.DoesNotContain(id, stranger.Body, StringComparison.Ordinal);
        await stranger.GoAsync($"{Path}/{id}");
        Assert.Equal(HttpStatusCode.NotFound, stranger.Response.StatusCode);
        await stranger.GoAsync($"{Path}/{stranger.Page.QuerySelector("#client-id")?.TextContent}");
        var own = await _server.QueryAsync(database => database.Applications.Where(a => a.DisplayName == "Own").Select(a => a.ClientId!).FirstAsync());
        await stranger.GoAsync($"{Path}?delete={own}");
        await stranger.SubmitAsync("Delete Application", ("id", id));
        await stranger.GoAsync($"{Path}/{own}");
        var request = stranger.FormRequest("Suspend");
        request.RequestUri = new Uri(request.RequestUri!.ToString().Replace(own, id, StringComparison.Ordinal));
        await stranger.SendAsync(request);
        Assert.Equal(HttpStatusCode.NotFound, stranger.Response.StatusCode);
        Assert.False(await _server.QueryAsync(database => database.Applications.Where(a => a.ClientId == id).Select(a => a.Suspended).SingleAsync()));
        Assert.Equal(200, (await _server.IntrospectAsync(id, secret, "x")).Status);
    }

    [Fact]
    public async Task Operators_have_the_server_wide_ones_on_the_same_page()
    {
        var (_, _, admin) = await NewAdminAsync();
        await admin.GoAsync(Path);
        Assert.DoesNotContain("ACTIVATE command line", admin.PageText, StringComparison.Ordinal);
        await admin.GoAsync($"{Path}/add?serverWide=true");
        Assert.Equal(HttpStatusCode.Forbidden, admin.Response.StatusCode);
        await admin.GoAsync($"{Path}/add");
        var forged = admin.FormRequest("Add Application", ("Name", "Wide"), ("RedirectUris", "https://app.example.test/cb"));
        forged.RequestUri = new Uri(forged.RequestUri!, "?serverWide=true");
        await admin.SendAsync(forged);
        Assert.Equal(HttpStatusCode.Forbidden, admin.Response.StatusCode);

        var (_, _, browser) = await NewAdminAsync(isOperator: true);
        await browser.GoAsync(Path);
        var cli = browser.Page.QuerySelectorAll("section[aria-labelledby=server-wide] a").Single(a => a.TextContent == "ACTIVATE command line");
        await browser.GoAsync(cli.GetAttribute("href")!);
        Assert.Contains("cannot be changed", browser.PageText, StringComparison.Ordinal);
        Assert.DoesNotContain(browser.Page.QuerySelectorAll("main button"), button => button.TextContent is "Save" or "Suspend");
        await browser.GoAsync($"{Path}/add?serverWide=true");
        var name = $"ACTIVATE {shared.NewName("portal")}";
        await browser.SubmitAsync("Add Application", ("Name", name), ("RedirectUris", "https://app.example.test/cb"));
        Assert.NotNull(browser.Page.QuerySelector("#secret"));
        Assert.Null(await _server.QueryAsync(database => database.Applications.Where(a => a.DisplayName == name).Select(a => a.OrganizationId).SingleAsync()));
    }

    [Fact]
    [Trait("Case", "W1")]
    public async Task A_form_without_its_token_changes_nothing()
    {
        var (_, _, browser) = await NewAdminAsync();
        await browser.GoAsync($"{Path}/add");
        await browser.SendAsync(browser.FormRequest("Add Application", ("Name", "Portal"), ("RedirectUris", "https://app.example.test/cb"), ("__RequestVerificationToken", "")));
        Assert.Equal(HttpStatusCode.BadRequest, browser.Response.StatusCode);
        Assert.Null(browser.Page.QuerySelector("#secret"));
    }
}
