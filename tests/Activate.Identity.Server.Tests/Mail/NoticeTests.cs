using Activate.Identity.Core.Organizations;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Server.Tests.Connect;
using Activate.Identity.Server.Tests.Members;
using Activate.Identity.Server.Tests.Organizations;
using Activate.Identity.Server.Tests.SecondFactors;
using Activate.Identity.Server.Tests.SshKeys;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Tests.Mail;

/// <summary>What people are told of by mail.</summary>
[Trait("Case", "L7")]
public class NoticeTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private readonly TestServer _server = shared.Server;

    private static string AddressOf(Data.Accounts.User user) => $"{user.UserName}@example.test";

    private async Task<IEnumerable<string>> SubjectsAsync(Data.Accounts.User user)
    {
        await _server.AllMailSentAsync();
        return _server.MailTo(AddressOf(user)).Select(mail => mail.Subject!);
    }

    [Fact]
    public async Task A_new_key_a_new_secret_and_a_new_SSH_key_are_told_and_a_token_of_hours_is_not()
    {
        var (user, session) = await _server.AddPersonAsync();
        var key = await _server.CreateApiKeyAsync(session, "nightly");
        Assert.Equal(200, (await _server.PostAsync($"{ApiCalls.KeysPath}/{key.Id}/rotate", key.Key, new { overlapHours = 1 })).Status);
        var line = SshTestKeys.Ed25519();
        Assert.Equal(201, (await _server.PostAsync("/api/v1/ssh-keys", session, new { name = "laptop", publicKey = line })).Status);
        Assert.Equal(201, (await _server.PostAsync("/api/v1/tokens", session, new { name = "an hour" })).Status);
        // What is refused is not told either.
        (await _server.PostAsync(ApiCalls.KeysPath, session, new { name = "nightly" })).AssertProblem(409, "name_taken");
        Assert.Equal(["New API key", "New secret of an API key", "New SSH key"], await SubjectsAsync(user));
        var mails = _server.MailTo(AddressOf(user));
        Assert.Contains($"Key: nightly\n  Ends with: {key.Key[^4..]}", mails[0].TextBody!.ReplaceLineEndings("\n"), StringComparison.Ordinal);
        Assert.Contains(SshTestKeys.FingerprintOf(line), mails[2].TextBody, StringComparison.Ordinal);
        Assert.All(mails, mail => Assert.DoesNotContain(key.Key, mail.TextBody + mail.HtmlBody, StringComparison.Ordinal));
        Assert.All(mails, mail => Assert.Contains($"Account: {user.UserName}", mail.TextBody, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Second_factors_that_come_and_go_a_code_on_paper_that_was_used_and_a_reset_are_told()
    {
        var owner = await _server.NewOwnerAsync();
        var user = await _server.CreateUserAsync($"u{Guid.NewGuid():N}"[..20], organizationId: owner.OrganizationId);
        using var browser = await _server.SignInAsync(user);
        var app = await _server.SetUpAppAsync(browser);
        using var elsewhere = await _server.GivePasswordAsync(user);
        await elsewhere.GiveCodeAsync("WRONG");
        await elsewhere.GiveCodeAsync(app.RecoveryCodes[0]);
        await browser.GoAsync($"/account/security?remove={Guid.Empty}");
        await browser.SubmitAsync("Remove App");
        Assert.Equal(200, (await _server.PostAsync($"/api/v1/organization/members/{user.Id}/reset-second-factor", await _server.GrantAsync(owner.Id), new { })).Status);
        Assert.Equal(["New second factor", "A recovery code was used", "A second factor was removed", "Your second factors were reset"], await SubjectsAsync(user));
        var mails = _server.MailTo(AddressOf(user));
        Assert.Contains("What: authenticator app", mails[0].TextBody, StringComparison.Ordinal);
        Assert.Contains("Codes left: 9", mails[1].TextBody, StringComparison.Ordinal);
        Assert.All(mails, mail => Assert.DoesNotContain(app.RecoveryCodes, code => mail.TextBody!.Contains(code, StringComparison.OrdinalIgnoreCase)));
        Assert.Empty(await SubjectsAsync(owner));
    }

    [Fact]
    public async Task Whoever_has_not_confirmed_their_address_is_asked_to_and_administrators_see_it()
    {
        var owner = await _server.NewOwnerAsync();
        using var browser = await _server.SignInAsync(owner);
        await browser.GoAsync("/");
        Assert.Contains("Confirm your e-mail address", browser.PageText, StringComparison.Ordinal);
        await browser.GoAsync($"/organization/members/{owner.Id}");
        Assert.Contains("not confirmed: a forgotten password cannot be reset", browser.PageText, StringComparison.Ordinal);
        await _server.QueryAsync(database => database.Users.Where(u => u.Id == owner.Id).ExecuteUpdateAsync(set => set.SetProperty(u => u.EmailConfirmed, true)));
        await browser.GoAsync("/");
        Assert.DoesNotContain("Confirm your e-mail address", browser.PageText, StringComparison.Ordinal);
        await browser.GoAsync($"/organization/members/{owner.Id}");
        Assert.DoesNotContain("not confirmed", browser.PageText, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_key_of_a_service_account_is_its_keepers_matter_and_without_keepers_its_administrators()
    {
        var (_, owner, session) = await _server.AddOrganizationAsync();
        var (keeper, _) = await _server.AddPersonAsync(organizationId: owner.OrganizationId);
        var account = await _server.PostAsync("/api/v1/organization/service-accounts", session, new { username = MemberCalls.NewName("robot"), description = "copies results", keepers = new[] { keeper.UserName } });
        Assert.Equal(201, account.Status);
        Assert.Equal(201, (await _server.PostAsync($"/api/v1/organization/service-accounts/{account.Text("id")}/api-keys", session, new { name = "copy", scopes = new[] { "platform" } })).Status);
        Assert.Equal(["New API key"], await SubjectsAsync(keeper));
        Assert.Empty(await SubjectsAsync(owner));
        await _server.SetDisabledAsync(keeper.UserName!);
        Assert.Equal(201, (await _server.PostAsync($"/api/v1/organization/service-accounts/{account.Text("id")}/api-keys", session, new { name = "again", scopes = new[] { "platform" } })).Status);
        Assert.Equal(["New API key"], await SubjectsAsync(owner));
        Assert.Single(_server.MailTo(AddressOf(keeper)));
    }

    [Fact]
    public async Task A_device_is_told_of_when_it_was_not_seen_before()
    {
        var name = shared.NewName();
        var user = await _server.CreateUserAsync(name);
        async Task LogInAsync(string device)
        {
            var login = await _server.StartDeviceAsync(deviceName: device);
            using var browser = await _server.SignInAsync(username: name, password: TestServer.UserPassword);
            await TestServer.ApproveAsync(browser, login);
            Assert.Equal(200, (await _server.PollAsync(login)).Status);
        }

        await LogInAsync("login-node-07");
        await LogInAsync("login-node-07");
        Assert.Equal(["New device login"], await SubjectsAsync(user));
        await LogInAsync("laptop");
        Assert.Equal(2, (await SubjectsAsync(user)).Count());
        Assert.Contains("Calls itself: laptop", _server.MailTo(AddressOf(user))[1].TextBody, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_application_is_told_of_when_it_is_allowed_and_when_it_gets_more()
    {
        var client = shared.NewName("app");
        await _server.RegisterApplicationAsync(client, "secret-of-the-application-0001");
        var name = shared.NewName();
        var user = await _server.CreateUserAsync(name);
        using var browser = await _server.SignInAsync(username: name, password: TestServer.UserPassword);
        await _server.GetCodeAsync(browser, client, Pkce.New(), ("scope", "openid profile"));
        await _server.GetCodeAsync(browser, client, Pkce.New(), ("scope", "openid profile"), ("prompt", "consent"));
        Assert.Equal(["An application may use your account"], await SubjectsAsync(user));
        await _server.GetCodeAsync(browser, client, Pkce.New(), ("scope", "openid email"));
        Assert.Equal(2, (await SubjectsAsync(user)).Count());
    }

    [Fact]
    public async Task A_leaked_key_is_told_to_its_owner_without_saying_who_found_it()
    {
        var (user, session) = await _server.AddPersonAsync();
        var key = await _server.CreateApiKeyAsync(session, "nightly");
        Assert.Equal(202, (await _server.PostAsync("/api/v1/leaked-credentials", null, new { credentials = new[] { key.Key, session } })).Status);
        for (var i = 0; i < 600 && (await SubjectsAsync(user)).Count() < 3; i++)
            await Task.Delay(100);
        Assert.Equal(["New API key", "A leaked credential was ended", "A leaked credential was ended"], await SubjectsAsync(user));
        var mails = _server.MailTo(AddressOf(user)).Skip(1).ToList();
        Assert.Single(mails, mail => mail.TextBody!.ReplaceLineEndings("\n").Contains("What: API key\n  Name: nightly", StringComparison.Ordinal));
        Assert.All(mails, mail => Assert.DoesNotContain("127.0.0.1", mail.TextBody, StringComparison.Ordinal));
    }

    [Fact]
    [Trait("Case", "O3")]
    public async Task Only_the_mailed_link_of_an_invitation_confirms_the_address_and_either_ends_both()
    {
        var (_, _, session) = await _server.AddOrganizationAsync();
        foreach (var mailed in (bool[])[true, false])
        {
            var name = MemberCalls.NewName("mailed");
            var (_, shown) = await _server.InvitedAsync(session, name);
            var link = _server.LinkIn(await _server.MailedAsync($"{name}@example.test", "You are invited to ACTIVATE"));
            Assert.NotEqual(shown, link);
            using var browser = _server.Browser();
            await browser.JoinAsync(mailed ? link : shown);
            Assert.Equal("/", browser.Address.AbsolutePath);
            Assert.Equal(mailed, await _server.QueryAsync(database => database.Users.Where(u => u.UserName == name).Select(u => u.EmailConfirmed).SingleAsync()));
            using var late = _server.Browser();
            await late.GoAsync(mailed ? shown : link);
            Assert.Equal(System.Net.HttpStatusCode.Forbidden, late.Response.StatusCode);
        }
    }

    [Fact]
    public async Task A_new_link_is_mailed_again_and_the_older_mail_opens_nothing()
    {
        var (_, _, session) = await _server.AddOrganizationAsync();
        var name = MemberCalls.NewName("mailed");
        var (id, _) = await _server.InvitedAsync(session, name);
        var older = _server.LinkIn(await _server.MailedAsync($"{name}@example.test", "You are invited to ACTIVATE"));
        Assert.Equal(200, (await _server.PostAsync($"{MemberCalls.MembersPath}/{id}/invitation", session)).Status);
        var newer = _server.LinkIn(await _server.MailedAsync($"{name}@example.test", "You are invited to ACTIVATE"));
        Assert.NotEqual(older, newer);
        using var browser = _server.Browser();
        await browser.GoAsync(older);
        Assert.Equal(System.Net.HttpStatusCode.Forbidden, browser.Response.StatusCode);
        await browser.JoinAsync(newer);
        Assert.Equal("/", browser.Address.AbsolutePath);
    }
}
