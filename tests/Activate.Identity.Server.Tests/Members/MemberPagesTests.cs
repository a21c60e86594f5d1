using System.Net;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Server.Tests.Connect;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Tests.Members;

/// <summary>People and organizations in the browser, without JavaScript.</summary>
public class MemberPagesTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private const string Path = "/organization/members";
    private readonly TestServer _server = shared.Server;

    private async Task<(Guid Organization, string Username, Browser Browser)> NewOwnerAsync(Role role = Role.Owner)
    {
        var organization = await _server.CreateOrganizationAsync(shared.NewName("org"));
        var (username, browser) = await shared.NewUserAsync(role, organization.Id);
        return (organization.Id, username, browser);
    }

    private Task<int> OldSignInAsync(string username) => _server.QueryAsync(database =>
        database.BrowserSessions.Where(s => s.User!.UserName == username).ExecuteUpdateAsync(set => set.SetProperty(s => s.AuthenticatedAt, s => s.AuthenticatedAt.AddMinutes(-11))));

    private Task<Guid> IdAsync(string username) => _server.QueryAsync(database => database.Users.Where(u => u.UserName == username).Select(u => u.Id).SingleAsync());

    [Fact]
    public async Task A_list_of_people_is_checked_then_invited_and_sent_again_invites_nobody_twice()
    {
        var (organization, _, browser) = await NewOwnerAsync();
        var (first, second) = (MemberCalls.NewName("listed"), MemberCalls.NewName("listed"));
        var list = $"username,email\r\n{first},{first}@example.test\r\nNot A Name,x@example.test\r\n\r\n{second},{second}@example.test";
        await browser.GoAsync($"{Path}/import");
        await browser.SubmitAsync("Check", ("people", list));
        Assert.Contains("2 would be invited, 0 here already, 1 refused. Nothing is changed yet.", browser.PageText, StringComparison.Ordinal);
        Assert.Equal(["2", "3", "5"], browser.Page.QuerySelectorAll("tbody tr td.short").Select(cell => cell.TextContent));
        Assert.Equal(1, await PeopleAsync());
        Assert.Equal(list, browser.Page.QuerySelector("textarea")!.TextContent.ReplaceLineEndings("\r\n"));

        var again = browser.FormRequest("Invite");
        await browser.SubmitAsync("Invite");
        Assert.Contains("2 invited, 0 here already, 1 refused.", browser.PageText, StringComparison.Ordinal);
        Assert.Contains("no-store", browser.Response.Headers.CacheControl?.ToString(), StringComparison.Ordinal);
        var links = browser.Page.QuerySelectorAll("tbody code").Select(link => link.TextContent).ToList();
        Assert.Equal(2, links.Count);
        Assert.Equal(3, await PeopleAsync());
        using (var theirs = _server.Browser())
            await theirs.JoinAsync(new Uri(links[1]).PathAndQuery, "Listed Person");

        await browser.SendAsync(again);
        Assert.Contains("0 invited, 2 here already, 1 refused.", browser.PageText, StringComparison.Ordinal);
        Assert.All(links, link => Assert.DoesNotContain(link[^43..], browser.Body, StringComparison.Ordinal));
        Assert.Equal(3, await PeopleAsync());

        Task<int> PeopleAsync() => _server.QueryAsync(database => database.Users.CountAsync(u => u.OrganizationId == organization));
    }

    [Theory]
    [InlineData("", "it is empty")]
    [InlineData("name,mail\nx,y", "does not name the columns")]
    [InlineData("username,email\nada", "line 2 has 1 fields")]
    public async Task A_list_that_cannot_be_read_is_refused_and_stays_on_the_page(string list, string why)
    {
        var (_, username, browser) = await NewOwnerAsync();
        await browser.GoAsync($"{Path}/import");
        await browser.SubmitAsync("Invite", ("people", list));
        Assert.Equal(HttpStatusCode.BadRequest, browser.Response.StatusCode);
        Assert.Contains(why, browser.PageText, StringComparison.Ordinal);
        Assert.Equal(list, browser.Page.QuerySelector("textarea")!.TextContent.ReplaceLineEndings("\n"));

        await OldSignInAsync(username);
        await browser.GoAsync($"{Path}/import");
        await browser.SubmitAsync("Invite", ("people", "username,email\nnobody,nobody@example.test"));
        Assert.Contains("Sign in again; nothing was changed.", browser.PageText, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_owner_invites_somebody_sees_the_link_once_gives_a_role_disables_enables_and_removes()
    {
        var (_, _, browser) = await NewOwnerAsync();
        var name = MemberCalls.NewName("paged");
        await browser.GoAsync($"{Path}/invite");
        var request = browser.FormRequest("Invite", ("Username", name), ("Email", $"{name}@example.test"), ("Role", "admin"));
        var again = browser.FormRequest("Invite", ("Username", name), ("Email", $"{name}@example.test"), ("Role", "admin"));
        await browser.SendAsync(request);
        var link = browser.Page.QuerySelector("#secret")!.TextContent;
        Assert.Matches(@"/invitation\?code=[A-Za-z0-9_-]{43}$", link);
        Assert.Contains($"on its way to {name}@example.test", browser.PageText, StringComparison.Ordinal);
        Assert.Contains("no-store", browser.Response.Headers.CacheControl?.ToString(), StringComparison.Ordinal);
        // A reload invites nobody again, and shows nothing.
        await browser.SendAsync(again);
        Assert.Contains("This form was sent before", browser.PageText, StringComparison.Ordinal);
        Assert.DoesNotContain(link[^43..], browser.Body, StringComparison.Ordinal);

        await browser.GoAsync($"{Path}?search={name}");
        Assert.Contains("invited", browser.PageText, StringComparison.Ordinal);
        var id = await IdAsync(name);
        await browser.GoAsync($"{Path}/{id}");
        await browser.SubmitAsync("New Link");
        var newer = browser.Page.QuerySelector("#secret")!.TextContent;
        Assert.NotEqual(link, newer);
        using (var theirs = _server.Browser())
        {
            await theirs.JoinAsync(new Uri(newer).PathAndQuery, "Paged Person");
            Assert.Contains("Welcome, Paged Person", theirs.PageText, StringComparison.Ordinal);

            await browser.GoAsync($"{Path}/{id}");
            await browser.SubmitAsync("Save", ("Role", "member"));
            Assert.Contains("The role was changed.", browser.PageText, StringComparison.Ordinal);
            await browser.GoAsync($"{Path}/{id}?ask=disable");
            Assert.Contains("Disable the account “" + name, browser.Page.QuerySelector("dialog")!.TextContent, StringComparison.Ordinal);
            await browser.SubmitAsync("Disable Account");
            Assert.Contains("The account is disabled", browser.PageText, StringComparison.Ordinal);
            await theirs.GoAsync("/account/profile");
            Assert.Equal("/sign-in", theirs.Address.AbsolutePath);
            await browser.SubmitAsync("Enable");
            Assert.Contains("The account is enabled", browser.PageText, StringComparison.Ordinal);
            await browser.GoAsync($"{Path}/{id}?ask=revoke");
            await browser.SubmitAsync("End Credentials");
            Assert.Contains("Ended: 0 API keys", browser.PageText, StringComparison.Ordinal);
        }

        await browser.GoAsync($"{Path}?remove={id}");
        await browser.SubmitAsync("Remove Member");
        Assert.Equal(Path, browser.Address.AbsolutePath);
        Assert.Contains("The account is gone", browser.PageText, StringComparison.Ordinal);
        Assert.False(await _server.QueryAsync(database => database.Users.AnyAsync(u => u.Id == id)));
        // No address makes the page claim what did not happen.
        await browser.GoAsync($"{Path}?removed={Guid.CreateVersion7()}");
        Assert.DoesNotContain("The account is gone", browser.PageText, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_wrong_is_said_beside_its_field_and_what_was_typed_stays()
    {
        var (_, _, browser) = await NewOwnerAsync();
        await browser.GoAsync($"{Path}/invite");
        await browser.SubmitAsync("Invite", ("Username", "Grace"), ("Email", "grace@example.test"));
        Assert.Equal(HttpStatusCode.BadRequest, browser.Response.StatusCode);
        Assert.Equal("Grace", browser.Page.QuerySelector("#Username")!.GetAttribute("value"));
        Assert.NotNull(browser.Page.QuerySelector("#Username-error"));
        Assert.Equal("grace@example.test", browser.Page.QuerySelector("#Email")!.GetAttribute("value"));
    }

    [Fact]
    public async Task Members_see_no_administration_and_an_old_sign_in_changes_nothing()
    {
        var (organization, owner, browser) = await NewOwnerAsync();
        var (member, theirs) = await shared.NewUserAsync(Role.Member, organization);
        var id = await IdAsync(member);
        await theirs.GoAsync(Path);
        Assert.Equal(HttpStatusCode.Forbidden, theirs.Response.StatusCode);
        Assert.DoesNotContain(owner, theirs.Page.QuerySelector("main")!.TextContent, StringComparison.Ordinal);
        await theirs.GoAsync($"{Path}/invite");
        Assert.Equal(HttpStatusCode.Forbidden, theirs.Response.StatusCode);
        await theirs.GoAsync($"{Path}/{id}");
        Assert.Equal(HttpStatusCode.NotFound, theirs.Response.StatusCode);
        Assert.DoesNotContain("/organization/members", theirs.Body, StringComparison.Ordinal);

        await browser.GoAsync($"{Path}/{id}?ask=revoke");
        var revoke = browser.FormRequest("End Credentials");
        await browser.GoAsync($"{Path}/invite");
        var invite = browser.FormRequest("Invite", ("Username", MemberCalls.NewName("late")), ("Email", "late@example.test"));
        await browser.GoAsync($"{Path}?remove={id}");
        var remove = browser.FormRequest("Remove Member");
        await OldSignInAsync(owner);
        foreach (var request in (System.Net.Http.HttpRequestMessage[])[revoke, invite, remove])
        {
            await browser.SendAsync(request);
            Assert.Equal(HttpStatusCode.Forbidden, browser.Response.StatusCode);
            Assert.Contains("within 10 minutes after signing in", browser.PageText, StringComparison.Ordinal);
        }

        Assert.True(await _server.QueryAsync(database => database.Users.AnyAsync(u => u.Id == id)));
        // Nor does an administrator of another organization reach anybody here.
        var (_, _, foreign) = await NewOwnerAsync();
        await foreign.GoAsync($"{Path}/{id}");
        Assert.Equal(HttpStatusCode.NotFound, foreign.Response.StatusCode);
    }

    [Fact]
    public async Task Somebody_leaves_soon_after_signing_in_and_the_last_owner_does_not()
    {
        var (organization, owner, browser) = await NewOwnerAsync();
        var (member, theirs) = await shared.NewUserAsync(Role.Member, organization);
        await theirs.GoAsync("/account/profile/leave");
        var leave = theirs.FormRequest("Leave and Delete Account");
        await OldSignInAsync(member);
        await theirs.SendAsync(leave);
        Assert.Equal(HttpStatusCode.Forbidden, theirs.Response.StatusCode);
        await theirs.GoAsync("/sign-in?reauthenticate=1");
        await theirs.SubmitAsync("Sign in", ("Username", member), ("Password", TestServer.UserPassword));
        await theirs.GoAsync("/account/profile/leave");
        await theirs.SubmitAsync("Leave and Delete Account");
        Assert.Equal("/sign-in", theirs.Address.AbsolutePath);
        Assert.False(await _server.QueryAsync(database => database.Users.AnyAsync(u => u.UserName == member)));
        await browser.GoAsync("/account/profile/leave");
        await browser.SubmitAsync("Leave and Delete Account");
        Assert.Equal(HttpStatusCode.Conflict, browser.Response.StatusCode);
        Assert.Contains("This is the last owner", browser.PageText, StringComparison.Ordinal);
        Assert.True(await _server.QueryAsync(database => database.Users.AnyAsync(u => u.UserName == owner)));
    }

    [Fact]
    public async Task An_operator_adds_suspends_and_resumes_an_organization()
    {
        var (_, username, browser) = await NewOwnerAsync();
        await browser.GoAsync("/operator/organizations");
        Assert.Equal(HttpStatusCode.Forbidden, browser.Response.StatusCode);
        await browser.GoAsync("/operator/organizations/add");
        Assert.Equal(HttpStatusCode.Forbidden, browser.Response.StatusCode);
        await _server.QueryAsync(database => database.Users.Where(u => u.UserName == username).ExecuteUpdateAsync(set => set.SetProperty(u => u.IsOperator, true)));

        var (slug, owner) = (shared.NewName("ocean"), MemberCalls.NewName("paged"));
        await browser.GoAsync("/operator/organizations/add");
        await browser.SubmitAsync("Add Organization", ("Name", slug), ("Username", owner), ("Email", "no"));
        Assert.NotNull(browser.Page.QuerySelector("#Email-error"));
        await browser.SubmitAsync("Add Organization", ("Name", slug), ("Username", owner), ("Email", $"{owner}@example.test"));
        Assert.Matches(@"/invitation\?code=", browser.Page.QuerySelector("#secret")!.TextContent);
        var id = await _server.QueryAsync(database => database.Organizations.Where(o => o.Slug == slug).Select(o => o.Id).SingleAsync());
        await browser.GoAsync($"/operator/organizations?suspend={id}");
        await browser.SubmitAsync("Suspend Organization");
        Assert.Contains($"The organization {slug} is suspended", browser.PageText, StringComparison.Ordinal);
        Assert.True(await _server.QueryAsync(database => database.Organizations.AnyAsync(o => o.Id == id && o.Suspended)));
        await browser.SubmitAsync("Resume");
        Assert.Contains($"The organization {slug} works again", browser.PageText, StringComparison.Ordinal);
    }
}
