using Activate.Identity.Core.Organizations;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Server.Tests.Organizations;
using Activate.Identity.Server.Tests.SshKeys;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;
using static Activate.Identity.Server.Tests.ApiKeys.ApiCalls;
using static Activate.Identity.Server.Tests.Members.MemberCalls;

namespace Activate.Identity.Server.Tests.Members;

[Trait("Database", "Differs")]
public class PeopleImportTests(ClockedServer fixture) : IClassFixture<ClockedServer>
{
    private const string Path = $"{MembersPath}/import";
    private readonly TestServer _server = fixture.Server;

    [Fact]
    public async Task A_dry_run_says_line_by_line_what_then_happens_and_a_second_run_changes_nothing()
    {
        var (organization, _, session) = await _server.AddOrganizationAsync();
        var (here, _) = await _server.AddPersonAsync(organizationId: organization.Id);
        var (third, _) = await _server.AddPersonAsync(organizationId: organization.Id);
        var (stranger, _) = await _server.AddPersonAsync();
        var (a, b) = (NewName("person"), NewName("person"));
        var (one, two) = (SshTestKeys.Ed25519("laptop"), SshTestKeys.Ed25519("laptop"));
        var people = new object[]
        {
            new { username = a, email = $"{a}@example.test", displayName = "Hopper, Grace", authorizedKeys = $"# old\n{one}\n{one}\n{two}\nfrom=\"10.0.0.0/8\" {SshTestKeys.Ed25519()}\n" },
            new { username = b, email = $"{b}@example.test", role = "admin" },
            new { username = here.UserName, email = here.Email, authorizedKeys = SshTestKeys.Ed25519() },
            new { username = stranger.UserName, email = "x@example.test" },
            new { username = a, email = "y@example.test" },
            new { username = NewName(), email = third.Email },
            new { username = "root", email = "root@example.test" },
            new { username = NewName(), email = "z@example.test", role = "king" },
            new { username = (string?)null, email = (string?)null },
        };
        string[] expected = ["invited", "invited", "known", "refused name_taken", "refused person_repeated", "refused email_taken", "refused username_reserved", "refused role_invalid", "refused username_required"];
        string[][] expectedKeys = [["2 added", "3 refused ssh_key_repeated", "4 added", "5 refused ssh_key_options"], [], ["1 refused own_keys_only"], [], [], [], [], [], []];

        var before = await _server.QueryAsync(database => database.Users.CountAsync(u => u.Kind == UserKind.Person));
        var dry = await _server.PostAsync(Path, session, new { people, dryRun = true });
        Assert.Equal(expected, Outcomes(dry));
        Assert.Equal(expectedKeys, Keys(dry));
        Assert.DoesNotContain("invitation?code", dry.Body, StringComparison.Ordinal);
        Assert.Equal(before, await _server.QueryAsync(database => database.Users.CountAsync(u => u.Kind == UserKind.Person)));

        var done = await _server.PostAsync(Path, session, new { people });
        Assert.Equal(expected, Outcomes(done));
        Assert.Equal(expectedKeys, Keys(done));
        Assert.Equal(before + 2, await _server.QueryAsync(database => database.Users.CountAsync(u => u.Kind == UserKind.Person)));
        var first = done.Json.GetProperty("people")[0];
        Assert.Equal("Hopper, Grace", (await _server.GetAsync($"{MembersPath}/{first.GetProperty("id").GetString()}", session)).Text("displayName"));

        // The keys open clusters from now on, and the invited person finds them under their comments.
        var cluster = (await _server.PostAsync("/api/v1/organization/clusters", session, new { name = "c", address = "c.example.test" })).Text("key");
        Assert.Equal(2, (await _server.GetAsync($"/api/v1/authorized-keys/{a}", cluster)).Json.GetProperty("keys").GetArrayLength());
        using var browser = _server.Browser();
        await browser.GoAsync(new Uri(first.GetProperty("invitationUrl").GetString()!).PathAndQuery);
        Assert.Contains("2 SSH keys were brought in for you", browser.PageText, StringComparison.Ordinal);
        await browser.SubmitAsync("Join", ("Password", ChosenPassword), ("Repeat", ChosenPassword));
        await browser.GoAsync("/account/authentication/ssh-keys");
        Assert.Contains("laptop (line 4)", browser.PageText, StringComparison.Ordinal);

        var again = await _server.PostAsync(Path, session, new { people = people.Take(2) });
        Assert.Equal(["known", "known"], Outcomes(again));
        Assert.Equal("refused own_keys_only", Keys(again)[0][0][2..]);
        Assert.False(again.Json.GetProperty("people")[0].TryGetProperty("invitationUrl", out _));
        Assert.Equal(before + 2, await _server.QueryAsync(database => database.Users.CountAsync(u => u.Kind == UserKind.Person)));
    }

    [Fact]
    public async Task Keys_that_are_brought_in_obey_the_policy_and_come_later_only_before_the_person()
    {
        var (_, _, session) = await _server.AddOrganizationAsync();
        await _server.SetPolicyAsync(session, new { sshKeys = new { maximumDays = 30, defaultDays = 30 } });
        var name = NewName();
        Assert.Equal(["invited"], Outcomes(await _server.PostAsync(Path, session, new { people = new[] { new { username = name, email = $"{name}@example.test" } } })));
        var known = await _server.PostAsync(Path, session, new { people = new[] { new { username = name, email = $"{name}@example.test", authorizedKeys = SshTestKeys.Ed25519() } } });
        Assert.Equal(("known", "1 added"), (Outcomes(known)[0], Keys(known)[0][0]));
        var end = await _server.QueryAsync(database => database.SshKeys.Where(key => key.Owner!.UserName == name).Select(key => key.ExpiresAt).SingleAsync());
        Assert.Equal(_server.Now.AddDays(30), end!.Value, TimeSpan.FromMinutes(1));
        // A name under which somebody could have logged in is not given again.
        var id = known.Json.GetProperty("people")[0].GetProperty("id").GetString();
        Assert.Equal(204, (await _server.DeleteAsync($"{MembersPath}/{id}", session)).Status);
        (await _server.InviteAsync(session, name)).AssertProblem(409, "name_taken", "username");
        Assert.Equal(["refused name_taken"], Outcomes(await _server.PostAsync(Path, session, new { people = new[] { new { username = name, email = $"{name}@example.test" } } })));
    }

    [Fact]
    public async Task Administrators_bring_in_members_only_and_nobody_too_many()
    {
        var (organization, _, _) = await _server.AddOrganizationAsync();
        var (_, admin) = await _server.AddPersonAsync(Role.Admin, organization.Id);
        var name = NewName();
        Assert.Equal(["refused owner_required"], Outcomes(await _server.PostAsync(Path, admin, new { people = new[] { new { username = name, email = "a@example.test", role = "owner" } } })));
        (await _server.PostAsync(Path, admin, new { people = Enumerable.Range(0, 201).Select(i => new { username = $"x{i}", email = "a@example.test" }) })).AssertProblem(400, "too_many_people", "people");
        var (_, member) = await _server.AddPersonAsync(organizationId: organization.Id);
        (await _server.PostAsync(Path, member, new { people = Array.Empty<object>() })).AssertProblem(403, "insufficient_scope");
        Assert.Equal(["refused username_required"], Outcomes(await _server.PostAsync(Path, admin, new { people = new object?[] { null } })));
    }

    private static string[] Outcomes(Answer report)
    {
        Assert.True(report.Status == 200, report.ToString());
        return [.. report.Json.GetProperty("people").EnumerateArray().Select(person => Words(person.GetProperty("outcome").GetString(), person.GetProperty("code").GetString()))];
    }

    private static string[][] Keys(Answer report) =>
        [.. report.Json.GetProperty("people").EnumerateArray().Select(person => person.GetProperty("keys").EnumerateArray()
            .Select(key => Words($"{key.GetProperty("line").GetInt32()} {key.GetProperty("outcome").GetString()}", key.GetProperty("code").GetString())).ToArray())];

    private static string Words(string? outcome, string? code) => code is null ? outcome! : $"{outcome} {code}";
}
