using System.Text;
using System.Text.Json;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Server.SshKeys;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Server.Tests.Organizations;
using Activate.Identity.Server.Web;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using static Activate.Identity.Server.Tests.ApiKeys.ApiCalls;

namespace Activate.Identity.Server.Tests.SshKeys;

[Trait("Database", "Differs")]
public class SshKeysApiTests(ClockedServer fixture) : IClassFixture<ClockedServer>
{
    private const string Path = "/api/v1/ssh-keys";
    private readonly TestServer _server = fixture.Server;

    [Fact]
    public async Task A_key_is_added_shown_renamed_and_deleted()
    {
        var (_, session) = await _server.AddPersonAsync();
        var line = SshTestKeys.Ed25519("ada@laptop");
        var added = await _server.PostAsync(Path, session, new { name = "laptop", publicKey = $"  {line}\r\n" });
        Assert.Equal(201, added.Status);
        Assert.Equal($"{Path}/{added.Text("id")}", added.Response.Headers.Location?.OriginalString);
        Assert.Equal(("laptop", "ssh-ed25519", SshTestKeys.FingerprintOf(line), line, "default", "active"),
            (added.Text("name"), added.Text("algorithm"), added.Text("fingerprint"), added.Text("publicKey"), added.Text("expiresBecause"), added.Text("state")));
        Assert.Equal(["id", "name", "algorithm", "fingerprint", "publicKey", "createdAt", "expiresAt", "expiresBecause", "lastUsedAt", "lastUsedFrom", "lastUsedOn", "state"],
            added.Json.EnumerateObject().Select(member => member.Name));
        var item = $"{Path}/{added.Text("id")}";
        Assert.Equal(added.Body, (await _server.GetAsync(item, session)).Body);
        Assert.Equal("desk", (await _server.PatchAsync(item, session, new { name = "desk" })).Text("name"));
        Assert.Equal("desk", (await _server.GetAsync(Path, session)).Json.GetProperty("items")[0].GetProperty("name").GetString());
        Assert.Equal(204, (await _server.DeleteAsync(item, session)).Status);
        (await _server.GetAsync(item, session)).AssertProblem(404, "not_found");
        Assert.Equal(0, (await _server.GetAsync(Path, session)).Items());
    }

    [Fact]
    public async Task A_name_and_a_key_are_there_once_for_each_user()
    {
        var (_, session) = await _server.AddPersonAsync();
        var line = SshTestKeys.Ed25519();
        await AddAsync(session, "laptop", line);
        (await _server.PostAsync(Path, session, new { name = "LAPTOP", publicKey = SshTestKeys.Ed25519() })).AssertProblem(409, "name_taken", "name");
        var again = await _server.PostAsync(Path, session, new { name = "other", publicKey = line.Replace("ada@laptop", "somebody else", StringComparison.Ordinal) });
        again.AssertProblem(409, "ssh_key_exists", "publicKey");
        Assert.Contains("'laptop'", again.Text("detail"), StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Case", "S4")]
    public async Task The_same_key_of_another_user_is_taken_without_a_word_about_that_user()
    {
        var (_, ada) = await _server.AddPersonAsync();
        var (_, bob) = await _server.AddPersonAsync();
        var line = SshTestKeys.Ed25519();
        await AddAsync(ada, "laptop", line);
        var answer = await _server.PostAsync(Path, bob, new { name = "laptop", publicKey = line });
        Assert.Equal(201, answer.Status);
        (await _server.GetAsync($"{Path}/{answer.Text("id")}", ada)).AssertProblem(404, "not_found");
        (await _server.DeleteAsync($"{Path}/{answer.Text("id")}", ada)).AssertProblem(404, "not_found");
        (await _server.PatchAsync($"{Path}/{answer.Text("id")}", ada, new { name = "mine" })).AssertProblem(404, "not_found");
    }

    [Fact]
    [Trait("Case", "S8")]
    public async Task A_user_has_at_most_a_hundred_keys_however_many_are_added_at_once()
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { Settings = new Dictionary<string, string?> { ["SshKeys:MaximumPerUser"] = "3" } });
        var (_, session) = await server.AddPersonAsync();
        var answers = await TogetherAsync(12, i => server.PostAsync(Path, session, new { name = $"k{i}", publicKey = SshTestKeys.Ed25519() }));
        Assert.Equal(3, answers.Count(answer => answer.Status == 201));
        Assert.All(answers.Where(answer => answer.Status != 201), answer => answer.AssertProblem(409, "too_many_keys"));
        Assert.Equal(3, (await server.GetAsync(Path, session)).Items());
    }

    /// <summary>Line breaks and their like, in whatever way they are written: never two keys from one.</summary>
    [Theory]
    [Trait("Case", "S1")]
    [InlineData("\n")]
    [InlineData("\r")]
    [InlineData("\r\n")]
    [InlineData("\v")]
    [InlineData("\f")]
    [InlineData("\u0085")]
    [InlineData("\u2028")]
    [InlineData("\u2029")]
    [InlineData("\0")]
    [InlineData("\u001b[2K")]
    [InlineData("\u202e")]
    public async Task Nothing_that_ends_a_line_gets_in(string separator)
    {
        var (_, session) = await _server.AddPersonAsync();
        var (own, other) = (SshTestKeys.Ed25519(""), SshTestKeys.Ed25519("mallory"));
        foreach (var text in (string[])[$"{own} x{separator}{other}", $"{own}{separator}{other}", $"{separator}{other} x{separator}y", $"{own[..30]}{separator}{own[30..]}"])
            (await _server.PostAsync(Path, session, new { name = "two", publicKey = text })).AssertProblem(400, field: "publicKey");
        Assert.Equal(0, (await _server.GetAsync(Path, session)).Items());
    }

    [Theory]
    [Trait("Case", "S2")]
    [InlineData("command=\"/bin/sh\" ")]
    [InlineData("environment=\"LD_PRELOAD=/tmp/x.so\" ")]
    [InlineData("cert-authority ")]
    [InlineData("principals=\"root\" ")]
    [InlineData("from=\"10.0.0.0/8\",restrict ")]
    [InlineData("permitopen=\"host:80\" ")]
    [InlineData("restrict ")]
    [InlineData("restrict\t")]
    [InlineData("command=\"say \\\"hi\\\" there\" ")]
    [InlineData("expiry-time=\"20990101\" ")]
    [InlineData("@revoked ")]
    [InlineData("# ")]
    public async Task Options_before_a_key_are_refused(string options)
    {
        var (_, session) = await _server.AddPersonAsync();
        var refused = await _server.PostAsync(Path, session, new { name = "x", publicKey = options + SshTestKeys.Ed25519() });
        refused.AssertProblem(400, "ssh_key_options", "publicKey");
    }

    [Fact]
    [Trait("Case", "S6")]
    [Trait("Case", "L1")]
    public async Task A_private_key_is_refused_with_a_warning_and_neither_stored_nor_logged()
    {
        var (_, session) = await _server.AddPersonAsync();
        using var rsa = System.Security.Cryptography.RSA.Create(2048);
        var secret = Convert.ToBase64String(Encoding.ASCII.GetBytes($"canary{Guid.NewGuid():N}canary{Guid.NewGuid():N}"));
        string[] privates =
        [
            rsa.ExportRSAPrivateKeyPem(), rsa.ExportPkcs8PrivateKeyPem(), rsa.ExportRSAPrivateKeyPem().ReplaceLineEndings(" "),
            $"-----BEGIN OPENSSH PRIVATE KEY-----\n{secret}\n-----END OPENSSH PRIVATE KEY-----", $"PuTTY-User-Key-File-3: ssh-ed25519\nPrivate-Lines: 1\n{secret}",
            $"b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAA{secret}", $"{SshTestKeys.Ed25519()}\n-----BEGIN EC PRIVATE KEY-----\n{secret}", $"-----BEGIN PGP PRIVATE KEY BLOCK-----\n{secret}",
        ];
        foreach (var text in privates)
        {
            foreach (var name in (string[])["mine", ""])
            {
                var refused = await _server.PostAsync(Path, session, new { name, publicKey = text });
                refused.AssertProblem(400, "ssh_private_key", "publicKey");
                Assert.Contains("PRIVATE key. It was not stored", refused.Text("detail"), StringComparison.Ordinal);
                Assert.DoesNotContain(secret, refused.Body, StringComparison.Ordinal);
                Assert.DoesNotContain(text.Split('\n')[^1][..20], refused.Body, StringComparison.Ordinal);
            }
        }

        Assert.Equal(0, (await _server.GetAsync(Path, session)).Items());
        var stored = await _server.DumpStorageAsync();
        var body = rsa.ExportRSAPrivateKeyPem().Split('\n')[3];
        foreach (var canary in (string[])[secret, body])
        {
            Assert.DoesNotContain(canary, stored, StringComparison.Ordinal);
            Assert.DoesNotContain(canary, _server.Logs.ToString(), StringComparison.Ordinal);
        }
    }

    [Theory]
    [Trait("Case", "S8")]
    [InlineData(9_000, 400)]
    [InlineData(200_000, 400)]
    [InlineData(1_000_000, 413)]
    public async Task Sizes_beyond_a_line_are_refused(int length, int status)
    {
        var (_, session) = await _server.AddPersonAsync();
        (await _server.PostAsync(Path, session, new { name = "x", publicKey = $"ssh-ed25519 {new string('A', length)}" })).AssertProblem(status);
    }

    [Fact]
    public async Task The_menu_and_the_default_come_from_the_policy_and_no_expiration_is_refused_under_a_maximum()
    {
        var (_, _, session) = await _server.AddOrganizationAsync();
        await _server.SetPolicyAsync(session, new { sshKeys = new { maximumDays = 45 } });
        Assert.Equal(45, (await _server.GetAsync("/api/v1/expiration-choices", session)).Json.GetProperty("sshKey").GetProperty("choices").EnumerateArray().Last().GetProperty("days").GetInt32());
        (await _server.PostAsync(Path, session, new { name = "x", publicKey = SshTestKeys.Ed25519(), expiresInDays = (int?)null })).AssertProblem(403, "expiration_beyond_maximum", "expiresInDays");
        var added = await _server.PostAsync(Path, session, new { name = "x", publicKey = SshTestKeys.Ed25519() });
        Assert.Equal(TimeSpan.FromDays(45), added.Json.Time("expiresAt") - added.Json.Time("createdAt"));
    }

    [Fact]
    public async Task Deleting_a_key_and_adding_it_again_gains_nothing()
    {
        var (_, owner, session) = await _server.AddOrganizationAsync();
        await _server.SetPolicyAsync(session, new { sshKeys = new { maximumDays = 30 } });
        var line = SshTestKeys.Ed25519();
        var first = await AddAsync(session, "laptop", line);
        _server.Clock!.Advance(TimeSpan.FromDays(10));
        session = await _server.GrantAsync(owner.Id);
        Assert.Equal(204, (await _server.DeleteAsync($"{Path}/{first.Text("id")}", session)).Status);
        var second = await AddAsync(session, "laptop", line);
        Assert.Equal((first.Json.Time("expiresAt"), "policy"), (second.Json.Time("expiresAt"), second.Text("expiresBecause")));

        _server.Clock.Advance(TimeSpan.FromDays(20));
        session = await _server.GrantAsync(owner.Id);
        Assert.Equal("expired", (await _server.GetAsync($"{Path}/{second.Text("id")}", session)).Text("state"));
        foreach (var gone in (bool[])[false, true])
        {
            if (gone)
                Assert.Equal(204, (await _server.DeleteAsync($"{Path}/{second.Text("id")}", session)).Status);
            (await _server.PostAsync(Path, session, new { name = "again", publicKey = line })).AssertProblem(403, "ssh_key_ended_by_policy", "publicKey");
        }

        // Loosening revives nothing.
        await _server.SetPolicyAsync(session, new { sshKeys = new { maximumDays = (int?)null } });
        (await _server.PostAsync(Path, session, new { name = "again", publicKey = line })).AssertProblem(403, "ssh_key_ended_by_policy", "publicKey");
        // Another key of the same user, and the same key of another, are not concerned.
        await AddAsync(session, "new", SshTestKeys.Ed25519());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_key_that_a_cut_ended_comes_back_only_when_an_administrator_allows_it(bool deletedFirst)
    {
        var (organization, owner, session) = await _server.AddOrganizationAsync();
        var (member, memberSession) = await _server.AddPersonAsync(Role.Member, organization.Id);
        var line = SshTestKeys.Ed25519();
        var key = await AddAsync(memberSession, "laptop", line);
        _server.Clock!.Advance(TimeSpan.FromDays(40));
        (session, memberSession) = (await _server.GrantAsync(owner.Id), await _server.GrantAsync(member.Id));
        await _server.SetPolicyAsync(session, new { sshKeys = new { maximumDays = 30 } }, "shorten");
        if (deletedFirst)
            Assert.Equal(204, (await _server.DeleteAsync($"{Path}/{key.Text("id")}", memberSession)).Status);
        await _server.SetPolicyAsync(session, new { }, "keep");
        (await _server.PostAsync(Path, memberSession, new { name = "again", publicKey = line })).AssertProblem(403, "ssh_key_ended_by_policy", "publicKey");

        var allow = $"/api/v1/organization/ssh-fingerprints/{Uri.EscapeDataString(key.Text("fingerprint"))}/allow";
        (await _server.PostAsync(allow, memberSession)).AssertProblem(403, "insufficient_scope");
        var (_, _, stranger) = await _server.AddOrganizationAsync();
        (await _server.PostAsync(allow, stranger)).AssertProblem(404, "not_found");
        (await _server.PostAsync("/api/v1/organization/ssh-fingerprints/nonsense/allow", session)).AssertProblem(400, "fingerprint_invalid", "fingerprint");
        var allowed = await _server.PostAsync(allow, session);
        Assert.Equal((200, key.Text("fingerprint"), member.UserName), (allowed.Status, allowed.Text("fingerprint"), allowed.Json.GetProperty("users")[0].GetString()));
        (await _server.PostAsync(allow, session)).AssertProblem(404, "not_found");

        var again = await AddAsync(memberSession, "again", line);
        Assert.Equal(JsonValueKind.Null, again.Json.GetProperty("expiresAt").ValueKind);
        Assert.Equal(1, (await _server.GetAsync(Path, memberSession)).Items());
    }

    [Fact]
    public async Task A_key_that_a_cut_has_just_ended_may_be_allowed_before_its_row_is_rewritten()
    {
        var (organization, owner, session) = await _server.AddOrganizationAsync();
        var line = SshTestKeys.Ed25519();
        await AddAsync(session, "laptop", line);
        _server.Clock!.Advance(TimeSpan.FromDays(40));
        session = await _server.GrantAsync(owner.Id);
        var allow = $"/api/v1/organization/ssh-fingerprints/{Uri.EscapeDataString(SshTestKeys.FingerprintOf(line))}/allow";
        // A key that lives needs no leave.
        (await _server.PostAsync(allow, session)).AssertProblem(404, "not_found");
        // The row alone, as another node would have committed it: nothing is rewritten.
        await _server.QueryAsync(async database =>
        {
            await database.Organizations.Where(o => o.Id == organization.Id).ExecuteUpdateAsync(set => set.SetProperty(o => o.PolicyVersion, 1));
            database.PolicyCuts.Add(new() { OrganizationId = organization.Id, Version = 1, At = _server.Now, GraceEndsAt = _server.Now, SshKeyMaximumDays = 30, ClaimedUntil = _server.Now.AddYears(1) });
            return await database.SaveChangesAsync();
        });
        _server.Clock.Advance(TimeSpan.FromSeconds(1));
        (await _server.PostAsync(Path, session, new { name = "again", publicKey = line })).AssertProblem(403, "ssh_key_ended_by_policy");
        Assert.Equal(200, (await _server.PostAsync(allow, session)).Status);
        await AddAsync(session, "again", line);
    }

    [Fact]
    public async Task An_end_that_the_owner_chose_is_no_end_by_policy()
    {
        var (_, owner, session) = await _server.AddOrganizationAsync();
        var line = SshTestKeys.Ed25519();
        await AddAsync(session, "week", line, 7);
        _server.Clock!.Advance(TimeSpan.FromDays(8));
        session = await _server.GrantAsync(owner.Id);
        var again = await AddAsync(session, "week", line, 7);
        Assert.Equal(TimeSpan.FromDays(7), again.Json.Time("expiresAt") - again.Json.Time("createdAt"));
        Assert.Equal(1, (await _server.GetAsync(Path, session)).Items());
    }

    [Fact]
    public async Task Keys_that_ended_long_ago_leave_the_list_and_the_table_but_are_remembered()
    {
        var (_, owner, session) = await _server.AddOrganizationAsync();
        await _server.SetPolicyAsync(session, new { sshKeys = new { maximumDays = 30 } });
        var line = SshTestKeys.Ed25519();
        await AddAsync(session, "old", line);
        _server.Clock!.Advance(TimeSpan.FromDays(29));
        session = await _server.GrantAsync(owner.Id);
        var key = (await _server.GetAsync(Path, session)).Json.GetProperty("items")[0].GetProperty("id").GetString();
        await _server.SetPolicyAsync(session, new { sshKeys = new { maximumDays = 1 } }, "shorten");
        _server.Clock.Advance(TimeSpan.FromDays(89));
        session = await _server.GrantAsync(owner.Id);
        Assert.Equal("expired", (await _server.GetAsync($"{Path}/{key}", session)).Text("state"));
        _server.Clock.Advance(TimeSpan.FromDays(2));
        session = await _server.GrantAsync(owner.Id);
        (await _server.GetAsync($"{Path}/{key}", session)).AssertProblem(404);
        await _server.Services().GetRequiredService<ExpiredRows>().DeleteAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, await _server.QueryAsync(database => database.SshKeys.CountAsync(k => k.OwnerId == owner.Id)));
        await _server.SetPolicyAsync(session, new { });
        (await _server.PostAsync(Path, session, new { name = "again", publicKey = line })).AssertProblem(403, "ssh_key_ended_by_policy");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task After_a_cut_and_a_loosening_deleting_a_key_and_adding_it_again_gains_nothing(bool deletedBeforeLoosening)
    {
        var (_, owner, session) = await _server.AddOrganizationAsync();
        var line = SshTestKeys.Ed25519();
        var key = $"{Path}/{(await AddAsync(session, "laptop", line, null)).Text("id")}";
        Assert.Equal(200, (await _server.SetPolicyAsync(session, new { sshKeys = new { maximumDays = 30 } }, "shorten")).Status);
        var cut = (await _server.GetAsync(key, session)).Json.Time("expiresAt");
        Assert.NotNull(cut);
        _server.Clock!.Advance(TimeSpan.FromDays(29));
        session = await _server.GrantAsync(owner.Id);
        if (deletedBeforeLoosening)
            Assert.Equal(204, (await _server.DeleteAsync(key, session)).Status);
        Assert.Equal(200, (await _server.SetPolicyAsync(session, new { sshKeys = new { maximumDays = (int?)null } })).Status);
        if (!deletedBeforeLoosening)
            Assert.Equal(204, (await _server.DeleteAsync(key, session)).Status);
        for (var i = 0; i < 2; i++)
        {
            var again = await AddAsync(session, "laptop", line, null);
            Assert.Equal((cut, "policy"), (again.Json.Time("expiresAt"), again.Text("expiresBecause")));
            Assert.Equal(204, (await _server.DeleteAsync($"{Path}/{again.Text("id")}", session)).Status);
        }

        // Sooner is the owner's own choice, and does not move what the policy said.
        var sooner = await AddAsync(session, "laptop", line, 1);
        Assert.Equal(204, (await _server.DeleteAsync($"{Path}/{sooner.Text("id")}", session)).Status);
        _server.Clock.Advance(TimeSpan.FromDays(2));
        session = await _server.GrantAsync(owner.Id);
        (await _server.PostAsync(Path, session, new { name = "again", publicKey = line })).AssertProblem(403, "ssh_key_ended_by_policy", "publicKey");
        Assert.Equal(200, (await _server.PostAsync($"/api/v1/organization/ssh-fingerprints/{Uri.EscapeDataString(SshTestKeys.FingerprintOf(line))}/allow", session)).Status);
        Assert.Null((await AddAsync(session, "laptop", line, null)).Json.Time("expiresAt"));
    }

    [Theory]
    [InlineData(10)]
    [InlineData(-1)]
    public async Task Without_a_choice_the_end_is_the_policys_also_when_it_was_asked_for(int days)
    {
        var (_, owner, session) = await _server.AddOrganizationAsync();
        Assert.Equal(200, (await _server.SetPolicyAsync(session, new { sshKeys = new { userChoice = false, defaultDays = 10 } })).Status);
        var line = SshTestKeys.Ed25519();
        Assert.Equal("default", (await AddAsync(session, "laptop", line, days)).Text("expiresBecause"));
        _server.Clock!.Advance(TimeSpan.FromDays(11));
        session = await _server.GrantAsync(owner.Id);
        Assert.Equal(200, (await _server.SetPolicyAsync(session, new { sshKeys = new { userChoice = true } })).Status);
        (await _server.PostAsync(Path, session, new { name = "again", publicKey = line, expiresInDays = (int?)null })).AssertProblem(403, "ssh_key_ended_by_policy");
    }

    [Fact]
    [Trait("Case", "S8")]
    public async Task A_thousand_keys_are_remembered_of_a_user_and_no_more()
    {
        var (_, owner, session) = await _server.AddOrganizationAsync();
        var line = SshTestKeys.Ed25519();
        var key = await AddAsync(session, "laptop", line);
        Assert.Equal(204, (await _server.DeleteAsync($"{Path}/{key.Text("id")}", session)).Status);
        await _server.QueryAsync(async database =>
        {
            for (var i = 1; i < SshKeyRegistry.MostRemembered; i++)
                database.KnownSshKeys.Add(new() { OwnerId = owner.Id, Fingerprint = System.Security.Cryptography.RandomNumberGenerator.GetBytes(32), FirstAddedAt = _server.Now });
            return await database.SaveChangesAsync();
        });
        (await _server.PostAsync(Path, session, new { name = "new", publicKey = SshTestKeys.Ed25519() })).AssertProblem(409, "too_many_known_keys", "publicKey");
        Assert.Equal(SshKeyRegistry.MostRemembered, await _server.QueryAsync(database => database.KnownSshKeys.CountAsync(f => f.OwnerId == owner.Id)));
        // One that was there before is, and once an administrator has let one go there is a place.
        key = await AddAsync(session, "laptop", line);
        Assert.Equal(204, (await _server.DeleteAsync($"{Path}/{key.Text("id")}", session)).Status);
        Assert.Equal(200, (await _server.PostAsync($"/api/v1/organization/ssh-fingerprints/{Uri.EscapeDataString(SshTestKeys.FingerprintOf(line))}/allow", session)).Status);
        await AddAsync(session, "new", SshTestKeys.Ed25519());
    }

    [Fact]
    public async Task A_key_that_ended_long_ago_is_not_there_for_a_rename_either()
    {
        var (_, owner, session) = await _server.AddOrganizationAsync();
        var item = $"{Path}/{(await AddAsync(session, "laptop", SshTestKeys.Ed25519(), 1)).Text("id")}";
        _server.Clock!.Advance(TimeSpan.FromDays(92));
        session = await _server.GrantAsync(owner.Id);
        (await _server.GetAsync(item, session)).AssertProblem(404, "not_found");
        (await _server.PatchAsync(item, session, new { name = "desk" })).AssertProblem(404, "not_found");
    }

    private async Task<Answer> AddAsync(string session, string name, string publicKey, int? days = -1)
    {
        var answer = await _server.PostAsync(Path, session, days == -1 ? new { name, publicKey } : new { name, publicKey, expiresInDays = days });
        Assert.True(answer.Status == 201, answer.ToString());
        return answer;
    }
}
