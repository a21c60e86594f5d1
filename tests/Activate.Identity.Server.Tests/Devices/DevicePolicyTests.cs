using System.Globalization;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Server.Tests.Connect;
using Activate.Identity.Server.Tests.Organizations;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Tests.Devices;

/// <summary>The rules that hold at approval: of applications, and of the server's policy ceiling.</summary>
public sealed class DevicePolicyTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private static async Task OpenAsync(Browser person, DeviceLogin login)
    {
        await person.GoAsync("/device");
        await person.SubmitAsync("Continue", ("code", login.UserCode));
    }

    private async Task<(DeviceLogin Login, string Client)> StartAsync(Guid? organizationId, string scope = "platform")
    {
        var client = shared.NewName("device-app");
        await shared.Server.RegisterApplicationAsync(client, organizationId: organizationId, deviceFlow: true);
        var start = await shared.Server.PostFormAsync("/connect/device", [("client_id", client), ("scope", scope)]);
        return (new DeviceLogin(start.Text("device_code"), start.Text("user_code"), start), client);
    }

    [Fact, Trait("Case", "D7")]
    public async Task An_application_of_another_organization_gets_access_denied()
    {
        var foreign = await shared.Server.CreateOrganizationAsync(shared.NewName("org"));
        var (login, client) = await StartAsync(foreign.Id);
        var (_, browser) = await shared.NewUserAsync();
        using (browser)
        {
            await TestServer.ApproveAsync(browser, login);
            Assert.Contains("not for users of your organization", browser.PageText, StringComparison.Ordinal);
        }

        Assert.Equal("access_denied", (await shared.Server.PollAsync(login, clientId: client)).Error);
    }

    [Fact, Trait("Case", "D7")]
    public async Task An_application_of_the_own_organization_gets_its_token()
    {
        var own = await shared.Server.CreateOrganizationAsync(shared.NewName("org"));
        var (login, client) = await StartAsync(own.Id);
        var (_, browser) = await shared.NewUserAsync(organizationId: own.Id);
        using (browser)
            await TestServer.ApproveAsync(browser, login);
        Assert.Equal(200, (await shared.Server.PollAsync(login, clientId: client)).Status);
    }

    [Fact, Trait("Case", "D7"), Trait("Case", "O6")]
    public async Task Where_no_applications_are_allowed_the_page_says_so_and_what_was_approved_before_gets_no_token()
    {
        var own = await shared.Server.CreateOrganizationAsync(shared.NewName("org"));
        var (username, browser) = await shared.NewUserAsync(Role.Owner, own.Id);
        using var person = browser;
        var session = await shared.Server.GrantAsync(await shared.Server.QueryAsync(database => database.Users.Where(u => u.UserName == username).Select(u => u.Id).SingleAsync()));
        var ((approved, first), (waiting, second)) = (await StartAsync(own.Id), await StartAsync(own.Id));
        await TestServer.ApproveAsync(person, approved);
        Assert.Equal(200, (await shared.Server.SetPolicyAsync(session, new { applications = new { allowed = "none" } })).Status);
        await TestServer.ApproveAsync(person, waiting);
        Assert.Contains("allows no applications", person.PageText, StringComparison.Ordinal);
        Assert.Equal("access_denied", (await shared.Server.PollAsync(approved, clientId: first)).Error);
        Assert.Equal("access_denied", (await shared.Server.PollAsync(waiting, clientId: second)).Error);
        // The command line is none of them.
        var commandLine = await shared.Server.StartDeviceAsync();
        await TestServer.ApproveAsync(person, commandLine);
        Assert.Equal(200, (await shared.Server.PollAsync(commandLine)).Status);
    }

    [Fact]
    public async Task The_page_says_whose_application_it_is_and_how_long_it_really_stays_connected()
    {
        var own = await shared.Server.CreateOrganizationAsync(shared.NewName("org"));
        var (_, browser) = await shared.NewUserAsync(organizationId: own.Id);
        using var person = browser;
        var (login, client) = await StartAsync(own.Id, "platform offline_access");
        await shared.Server.QueryAsync(database => database.Applications.Where(a => a.ClientId == client).ExecuteUpdateAsync(set => set.SetProperty(a => a.Publisher, "Waves GmbH")));
        await OpenAsync(person, login);
        foreach (var text in (string[])[client, "Waves GmbH", $"your organization, {own.Name}", "90 days"])
            Assert.Contains(text, person.PageText, StringComparison.Ordinal);
        Assert.Empty(person.Page.QuerySelectorAll("select"));
        await person.SubmitAsync("Allow");
        Assert.True((await shared.Server.PollAsync(login, clientId: client)).Has("refresh_token"));

        (login, client) = await StartAsync(null);
        await OpenAsync(person, login);
        Assert.Contains("the operators of this server", person.PageText, StringComparison.Ordinal);
        Assert.NotEmpty(person.Page.QuerySelectorAll("select"));
        Assert.DoesNotContain("Published by", person.PageText, StringComparison.Ordinal);

        await OpenAsync(person, await shared.Server.StartDeviceAsync());
        Assert.DoesNotContain("Registered by", person.PageText, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_applications_device_login_makes_no_credentials()
    {
        var (login, client) = await StartAsync(null, "platform credentials:read credentials:write");
        var (_, browser) = await shared.NewUserAsync();
        using (browser)
            await TestServer.ApproveAsync(browser, login);
        var token = (await shared.Server.PollAsync(login, clientId: client)).Text("access_token");
        var refused = await shared.Server.PostAsync("/api/v1/api-keys", token, new { name = "k" });
        Assert.Equal((403, "interactive_sign_in_required"), (refused.Status, refused.Text("code")));
    }

    [Fact, Trait("Case", "D7"), Trait("Case", "O11")]
    public async Task A_suspended_application_gets_nothing()
    {
        var (login, client) = await StartAsync(null);
        await shared.Server.SuspendApplicationAsync(client);
        var (_, browser) = await shared.NewUserAsync();
        using (browser)
        {
            await TestServer.ApproveAsync(browser, login);
            Assert.DoesNotContain("Device connected", browser.PageText, StringComparison.Ordinal);
        }

        await shared.Server.SuspendApplicationAsync(client, suspended: false);
        Assert.Equal("access_denied", (await shared.Server.PollAsync(login, clientId: client)).Error);
        await shared.Server.SuspendApplicationAsync(client);
        Assert.Equal("unauthorized_client", (await shared.Server.PostFormAsync("/connect/device", [("client_id", client)])).Error);
    }

    [Fact, Trait("Case", "D7")]
    public async Task Where_policy_forbids_device_logins_the_page_says_so_and_the_device_gets_access_denied()
    {
        await using var server = await WithCeilingAsync("DeviceLogin:Enabled", "false");
        var login = await server.StartDeviceAsync();
        using var browser = await server.SignInAsync();
        await TestServer.ApproveAsync(browser, login);
        Assert.Contains("does not allow device logins", browser.PageText, StringComparison.Ordinal);
        Assert.Equal("access_denied", (await server.PollAsync(login)).Error);
    }

    [Fact, Trait("Case", "O6")]
    public async Task The_select_ends_at_the_ceiling_and_so_does_the_wish()
    {
        await using var server = await WithCeilingAsync("Tokens:MaximumHours", "4");
        var login = await server.StartDeviceAsync(lifetimeHours: "24");
        using var browser = await server.SignInAsync();
        await browser.GoAsync($"/device?user_code={login.UserCode}");
        await browser.SubmitAsync("Continue");
        var options = browser.Page.QuerySelectorAll("select[name=hours] option");
        Assert.Equal(["1", "2", "3", "4"], options.Select(option => option.GetAttribute("value")));
        Assert.Equal("4", options.Single(option => option.HasAttribute("selected")).GetAttribute("value"));
        await browser.SubmitAsync("Allow", ("hours", "5"));
        Assert.Contains("at most 4 hours", browser.PageText, StringComparison.Ordinal);
        Assert.Equal("authorization_pending", (await server.PollAsync(login)).Error);
        await browser.GoAsync($"/device?user_code={login.UserCode}");
        await browser.SubmitAsync("Allow");
        Assert.InRange((await server.PollAsync(login)).Json.GetProperty("expires_in").GetInt32(), (4 * 3600) - 60, 4 * 3600);
    }

    [Fact, Trait("Case", "O6")]
    public async Task Without_a_choice_there_is_no_select_and_another_lifetime_is_refused()
    {
        await using var server = await WithCeilingAsync("Tokens:UserChoice", "false", "Tokens:MaximumHours", "8");
        var login = await server.StartDeviceAsync(lifetimeHours: "1");
        using var browser = await server.SignInAsync();
        await browser.GoAsync($"/device?user_code={login.UserCode}");
        await browser.SubmitAsync("Continue");
        Assert.Empty(browser.Page.QuerySelectorAll("select"));
        Assert.Contains("8 hours", browser.PageText, StringComparison.Ordinal);
        await browser.SubmitAsync("Allow", ("hours", "1"));
        Assert.Contains("does not let users choose", browser.PageText, StringComparison.Ordinal);
        await browser.GoAsync($"/device?user_code={login.UserCode}");
        await browser.SubmitAsync("Allow");
        Assert.InRange((await server.PollAsync(login)).Json.GetProperty("expires_in").GetInt32(), (8 * 3600) - 60, 8 * 3600);
    }

    [Fact, Trait("Case", "O6")]
    public async Task Hours_that_were_approved_while_there_was_a_choice_become_the_default_when_there_is_none()
    {
        var organization = await shared.Server.CreateOrganizationAsync(shared.NewName("org"));
        var (username, browser) = await shared.NewUserAsync(Role.Owner, organization.Id);
        var session = await shared.Server.GrantAsync(await shared.Server.QueryAsync(database => database.Users.Where(u => u.UserName == username).Select(u => u.Id).SingleAsync()));
        var (longer, shorter) = (await shared.Server.StartDeviceAsync(), await shared.Server.StartDeviceAsync());
        using (browser)
        {
            await TestServer.ApproveAsync(browser, longer, 24);
            await TestServer.ApproveAsync(browser, shorter, 1);
        }

        Assert.Equal(200, (await shared.Server.SetPolicyAsync(session, new { tokens = new { userChoice = false, defaultHours = 2, maximumHours = 24 } }, "shorten")).Status);
        Assert.Equal(2 * 3600, (await shared.Server.PollAsync(longer)).Json.GetProperty("expires_in").GetInt32(), 60.0);
        Assert.Equal(3600, (await shared.Server.PollAsync(shorter)).Json.GetProperty("expires_in").GetInt32(), 60.0);
    }

    [Fact, Trait("Case", "D7")]
    public async Task A_device_gets_no_scope_that_its_approval_page_did_not_show()
    {
        var organization = await shared.Server.CreateOrganizationAsync(shared.NewName("org"));
        var (username, browser) = await shared.NewUserAsync(organizationId: organization.Id);
        var login = await shared.Server.StartDeviceAsync("platform credentials:read organization:write");
        using (browser)
            await TestServer.ApproveAsync(browser, login);
        await shared.Server.QueryAsync(database => database.Users.Where(u => u.UserName == username).ExecuteUpdateAsync(set => set.SetProperty(u => u.Role, Role.Admin)));
        var answer = await shared.Server.PollAsync(login);
        Assert.Equal(200, answer.Status);
        var scopes = (await shared.Server.GetAsync("/api/v1/me", answer.Text("access_token"))).Json.GetProperty("credential").GetProperty("scopes");
        Assert.Equal(["credentials:read", "platform"], scopes.EnumerateArray().Select(scope => scope.GetString()).Order());
    }

    private static Task<TestServer> WithCeilingAsync(params string[] ceiling) => TestServer.StartAsync(new TestServerOptions
    {
        Settings = ceiling.Chunk(2).ToDictionary(pair => string.Create(CultureInfo.InvariantCulture, $"Policy:Ceiling:{pair[0]}"), pair => (string?)pair[1]),
    });
}
