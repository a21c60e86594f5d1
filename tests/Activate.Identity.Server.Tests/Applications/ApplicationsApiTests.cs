using System.Buffers.Text;
using System.Net.Http;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Activate.Identity.Core.Applications;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Data.Applications;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Server.Tests.Organizations;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using OpenIddict.Abstractions;
using static Activate.Identity.Server.Tests.ApiKeys.ApiCalls;

namespace Activate.Identity.Server.Tests.Applications;

/// <summary>Registration by an organization's administrators, and server-wide by operators.</summary>
[Trait("Database", "Differs")]
public class ApplicationsApiTests(ClockedServer fixture) : IClassFixture<ClockedServer>
{
    private const string Path = "/api/v1/organization/applications";
    private const string ServerPath = "/api/v1/applications";
    private static readonly string[] s_callback = ["https://app.example.test/cb"];
    private static readonly string[] s_scopes = ["openid", "platform"];
    private readonly TestServer _server = fixture.Server;

    private static Dictionary<string, object?> Web(string name = "Portal", params (string Name, object? Value)[] changes)
    {
        var body = new Dictionary<string, object?> { ["name"] = name, ["type"] = "web", ["redirectUris"] = s_callback, ["scopes"] = s_scopes };
        foreach (var (member, value) in changes)
            body[member] = value;
        return body;
    }

    private async Task<string> OperatorAsync() => (await _server.AddOrganizationAsync()) is var (organization, _, _)
        ? await _server.GrantAsync((await _server.AddUserAsync(Role.Owner, organizationId: organization.Id, isOperator: true)).Id)
        : throw new InvalidOperationException();

    [Fact]
    public async Task An_administrator_registers_reads_changes_and_deletes()
    {
        var (organization, _, session) = await _server.AddOrganizationAsync();
        var created = await _server.PostAsync(Path, session, Web("Portal", ("publisher", "Example GmbH"), ("logoUri", "https://app.example.test/logo.png"),
            ("postLogoutRedirectUris", new[] { "https://app.example.test/bye" }), ("signingAlgorithm", "ES256"), ("resources", new[] { "https://api.example.test" })));
        Assert.True(created.Status == 201, created.ToString());
        Assert.Contains("no-store", created.Header("Cache-Control"), StringComparison.Ordinal);
        var (id, secret) = (created.Text("id"), created.Text("clientSecret"));
        Assert.Equal(($"{Path}/{id}", id), (created.Response.Headers.Location?.OriginalString, created.Text("clientId")));
        Assert.Matches($"^{ClientSecret.Pattern}$", secret);

        var item = await _server.GetAsync($"{Path}/{id}", session);
        Assert.Equal(
            ["id", "clientId", "name", "type", "publisher", "logoUri", "redirectUris", "postLogoutRedirectUris", "grants", "scopes", "resources", "jwks", "signingAlgorithm", "suspended", "secretLast4", "previousSecretEndsAt", "createdAt"],
            item.Json.EnumerateObject().Select(member => member.Name));
        Assert.Equal(("Portal", "web", "Example GmbH", "ES256", secret[^4..]), (item.Text("name"), item.Text("type"), item.Text("publisher"), item.Text("signingAlgorithm"), item.Text("secretLast4")));
        Assert.Equal(["authorization_code", "refresh_token"], Texts(item, "grants"));
        Assert.Equal(s_scopes, Texts(item, "scopes"));
        Assert.DoesNotContain(secret, (await _server.GetAsync(Path, session)).Body, StringComparison.Ordinal);
        Assert.DoesNotContain(secret, await _server.QueryAsync(database => database.Applications.Where(a => a.ClientId == id).Select(a => a.ClientSecret).SingleAsync()), StringComparison.Ordinal);

        Tick();
        var changed = await _server.PatchAsync($"{Path}/{id}", session, new { name = "Portal 2", publisher = (string?)null, signingAlgorithm = "RS256" });
        Assert.True(changed.Status == 200, changed.ToString());
        Assert.Equal(("Portal 2", "RS256", JsonValueKind.Null, "https://app.example.test/logo.png"),
            (changed.Text("name"), changed.Text("signingAlgorithm"), changed.Json.GetProperty("publisher").ValueKind, changed.Text("logoUri")));
        Assert.False(changed.Has("clientSecret"));
        Tick();
        Assert.True((await _server.PatchAsync($"{Path}/{id}", session, new { suspended = true })).Json.GetProperty("suspended").GetBoolean());
        Tick();
        Assert.False((await _server.PatchAsync($"{Path}/{id}", session, new { suspended = false })).Json.GetProperty("suspended").GetBoolean());
        Tick();
        Assert.Equal(204, (await _server.DeleteAsync($"{Path}/{id}", session)).Status);
        (await _server.GetAsync($"{Path}/{id}", session)).AssertProblem(404, "not_found");

        var events = await _server.QueryAsync(database => database.AuditEvents.Where(e => e.SubjectId == Guid.Parse(id)).OrderBy(e => e.Id).ToListAsync());
        Assert.Equal(["application.created", "application.changed", "application.suspended", "application.resumed", "application.deleted"], events.Select(e => e.Type));
        Assert.All(events, e => Assert.Equal((organization.Id, id), (e.OrganizationId!.Value, e.ClientId)));
        Assert.Equal("“Portal 2”: name (was “Portal”), publisher, signing RS256", events[1].Detail);
    }

    [Theory]
    [InlineData("web", true)]
    [InlineData("browser", false)]
    [InlineData("native", false)]
    public async Task OpenIddict_reads_what_was_registered(string type, bool confidential)
    {
        var (_, _, session) = await _server.AddOrganizationAsync();
        var created = await _server.PostAsync(Path, session, Web("App", ("type", type)));
        Assert.True(created.Status == 201, created.ToString());
        Assert.Equal(confidential, created.Has("clientSecret"));
        await using var scope = _server.Services().CreateAsyncScope();
        var applications = scope.ServiceProvider.GetRequiredService<IOpenIddictApplicationManager>();
        var application = (Application)(await applications.FindByClientIdAsync(created.Text("clientId")))!;
        Assert.True(await applications.HasClientTypeAsync(application, confidential ? "confidential" : "public"));
        Assert.True(await applications.HasConsentTypeAsync(application, "explicit"));
        Assert.Equal(type == "native", await applications.HasApplicationTypeAsync(application, "native"));
        Assert.True(await applications.HasRequirementAsync(application, "ft:pkce"));
        foreach (var permission in (string[])["ept:authorization", "ept:pushed_authorization", "ept:token", "ept:revocation", "ept:end_session", "gt:authorization_code", "gt:refresh_token", "rst:code", "scp:openid", "scp:platform"])
            Assert.True(await applications.HasPermissionAsync(application, permission), permission);
        Assert.Equal(type == "native", await applications.HasPermissionAsync(application, "ept:device_authorization"));
        Assert.Equal(confidential, await applications.HasPermissionAsync(application, "ept:introspection"));
        foreach (var permission in (string[])["scp:email", "gt:client_credentials", "gt:password", "gt:implicit"])
            Assert.False(await applications.HasPermissionAsync(application, permission), permission);
        Assert.True(await applications.ValidateRedirectUriAsync(application, s_callback[0]));
        Assert.False(await applications.ValidateRedirectUriAsync(application, s_callback[0] + "/"));
        await foreach (var fault in applications.ValidateAsync(application))
            Assert.Fail(fault.ErrorMessage);
    }

    [Fact]
    [Trait("Case", "A9")]
    public async Task The_server_compares_addresses_by_the_rule_and_not_as_OpenIddict_would()
    {
        var (_, _, session) = await _server.AddOrganizationAsync();
        var id = (await _server.PostAsync(Path, session, Web("App", ("type", "native"), ("redirectUris", new[] { "http://127.0.0.1/cb", "http://localhost/cb" }),
            ("postLogoutRedirectUris", new[] { "http://[::1]/bye" })))).Text("clientId");
        await using var scope = _server.Services().CreateAsyncScope();
        var applications = scope.ServiceProvider.GetRequiredService<IOpenIddictApplicationManager>();
        var application = (await applications.FindByClientIdAsync(id))!;
        foreach (var port in (string[])["", ":1", ":54321", ":65535"])
            Assert.True(await applications.ValidateRedirectUriAsync(application, $"http://127.0.0.1{port}/cb"), port);
        Assert.True(await applications.ValidateRedirectUriAsync(application, "http://localhost/cb"));
        Assert.True(await applications.ValidatePostLogoutRedirectUriAsync(application, "http://[::1]:54321/bye"));
        foreach (var other in (string[])["http://localhost:54321/cb", "http://127.0.0.1.evil.test/cb", "http://127.0.0.1:9@evil/cb", "https://127.0.0.1:1/cb", "http://127.1:80/cb"])
            Assert.False(await applications.ValidateRedirectUriAsync(application, other), other);
        Assert.False(await applications.ValidatePostLogoutRedirectUriAsync(application, "http://127.0.0.1:54321/bye"));
    }

    [Theory]
    [Trait("Case", "A11")]
    [Trait("Case", "W5")]
    [InlineData("redirectUris", "redirect_uri_invalid", """["javascript:alert(1)"]""")]
    [InlineData("redirectUris", "redirect_uri_invalid", """["data:text/html,x"]""")]
    [InlineData("redirectUris", "redirect_uri_invalid", """["http://app.example.test/cb"]""")]
    [InlineData("redirectUris", "redirect_uri_invalid", """["https://app.example.test/cb", null]""")]
    [InlineData("redirectUris", "redirect_uri_required", """[]""")]
    [InlineData("postLogoutRedirectUris", "redirect_uri_invalid", """["file:///x"]""")]
    [InlineData("logoUri", "logo_uri_invalid", "\"javascript:alert(1)\"")]
    [InlineData("logoUri", "logo_uri_invalid", "\"http://app.example.test/logo.png\"")]
    [InlineData("logoUri", "logo_uri_invalid", "\"data:image/svg+xml,x\"")]
    [InlineData("grants", "grant_invalid", """["password"]""")]
    [InlineData("scopes", "scope_invalid", """["authorized-keys:read"]""")]
    [InlineData("type", "application_type_invalid", "\"cli\"")]
    [InlineData("name", "name_reserved", "\"ACTIVATE\"")]
    [InlineData("publisher", "name_reserved", "\"Parallel Works\"")]
    [InlineData("jwks", "jwks_invalid", "{}")]
    [InlineData("jwks", "jwks_private", """{"kty":"RSA","d":"x"}""")]
    [InlineData("signingAlgorithm", "signing_algorithm_invalid", "\"HS256\"")]
    public async Task What_the_rules_refuse_is_a_problem_at_its_field(string field, string code, string value)
    {
        var (organization, _, session) = await _server.AddOrganizationAsync();
        (await _server.PostAsync(Path, session, Web("Portal", (field, JsonDocument.Parse(value).RootElement)))).AssertProblem(400, code, field);
        Assert.Equal(0, await _server.QueryAsync(database => database.Applications.CountAsync(a => a.OrganizationId == organization.Id)));
        var id = (await _server.PostAsync(Path, session, Web())).Text("id");
        if (field != "type")
            (await _server.PatchAsync($"{Path}/{id}", session, new Dictionary<string, object?> { [field] = JsonDocument.Parse(value).RootElement })).AssertProblem(400, code, field);
    }

    [Theory]
    [InlineData("""{"type":"web"}""")]
    [InlineData("""{"name":"x"}""")]
    [InlineData("""{"name":"x","type":"web","clientSecret":"mine"}""")]
    [InlineData("""{"name":"x","type":"web","organizationId":null}""")]
    [InlineData("""{"name":"x","type":"web","redirectUris":"https://a.test"}""")]
    [InlineData("""{"name":"x","type":"web","jwks":[]}""")]
    [InlineData("""{"name":"x","type":"web","jwks":{"keys":[],"keys":[]}}""")]
    [InlineData("""[]""")]
    public async Task Malformed_and_unknown_members_are_refused(string body)
    {
        var (_, _, session) = await _server.AddOrganizationAsync();
        (await _server.SendTextAsync(HttpMethod.Post, Path, session, body)).AssertProblem(400);
    }

    [Fact]
    public async Task A_change_names_no_kind_and_nothing_unknown()
    {
        var (_, _, session) = await _server.AddOrganizationAsync();
        var id = (await _server.PostAsync(Path, session, Web())).Text("id");
        foreach (var body in (string[])["""{"type":"native"}""", """{"clientId":"x"}""", """{"id":"x"}""", """{"suspended":null,"organization":1}""", """{"jwks":1}"""])
            (await _server.SendTextAsync(HttpMethod.Patch, $"{Path}/{id}", session, body)).AssertProblem(400);
        Assert.Equal(200, (await _server.SendTextAsync(HttpMethod.Patch, $"{Path}/{id}", session, "{}")).Status);
    }

    [Fact]
    public async Task Only_an_administrator_who_signed_in_changes_anything()
    {
        var (organization, _, session) = await _server.AddOrganizationAsync();
        var (_, member) = await _server.AddPersonAsync(Role.Member, organization.Id);
        var id = (await _server.PostAsync(Path, session, Web())).Text("id");
        Assert.Equal(1, (await _server.GetAsync(Path, member)).Items());
        Assert.Equal(200, (await _server.GetAsync($"{Path}/{id}", member)).Status);
        var key = (await _server.CreateApiKeyAsync(session, "robot", new { name = "robot", scopes = new[] { "organization:read", "organization:write" } })).Key;
        foreach (var (credential, code) in (new[] { (member, "insufficient_scope"), (key, "interactive_sign_in_required") }))
        {
            (await _server.PostAsync(Path, credential, Web("Other"))).AssertProblem(403, code);
            (await _server.PatchAsync($"{Path}/{id}", credential, new { suspended = true })).AssertProblem(403, code);
            (await _server.PostAsync($"{Path}/{id}/secret", credential)).AssertProblem(403, code);
            (await _server.DeleteAsync($"{Path}/{id}", credential)).AssertProblem(403, code);
        }

        (await _server.GetAsync(Path, null)).AssertProblem(401);
    }

    [Fact]
    [Trait("Case", "O1")]
    public async Task A_foreign_application_looks_like_one_that_is_not_there()
    {
        var (_, _, session) = await _server.AddOrganizationAsync();
        var (_, _, stranger) = await _server.AddOrganizationAsync();
        var operators = await OperatorAsync();
        var own = (await _server.PostAsync(Path, session, Web())).Text("id");
        var wide = (await _server.PostAsync(ServerPath, operators, Web($"Wide {Guid.NewGuid():N}"))).Text("id");
        var missing = Guid.NewGuid().ToString();
        foreach (var (path, credential, foreign) in (new[] { (Path, stranger, own), (Path, stranger, wide), (Path, operators, own), (Path, operators, wide), (ServerPath, operators, own) }))
        {
            foreach (var call in (Func<string, Task<Answer>>[])[
                id => _server.GetAsync($"{path}/{id}", credential), id => _server.PatchAsync($"{path}/{id}", credential, new { suspended = true }),
                id => _server.PostAsync($"{path}/{id}/secret", credential), id => _server.DeleteAsync($"{path}/{id}", credential)])
            {
                var answer = await call(foreign);
                answer.AssertProblem(404, "not_found");
                Assert.Equal((await call(missing)).Body, answer.Body);
            }
        }

        Assert.Equal(0, (await _server.GetAsync(Path, stranger)).Items());
        Assert.False((await _server.GetAsync($"{Path}/{own}", session)).Json.GetProperty("suspended").GetBoolean());
        // The same name in two organizations tells neither of the other.
        Assert.Equal(201, (await _server.PostAsync(Path, stranger, Web())).Status);
    }

    [Fact]
    public async Task A_name_is_taken_once_in_an_organization_also_at_the_same_moment()
    {
        var (organization, _, session) = await _server.AddOrganizationAsync();
        var answers = await TogetherAsync(6, i => _server.PostAsync(Path, session, Web(i % 2 == 0 ? "Portal" : "PORTAL")));
        Assert.Equal(1, answers.Count(a => a.Status == 201));
        Assert.All(answers.Where(a => a.Status != 201), a => a.AssertProblem(409, "name_taken", "name"));
        Assert.Equal(1, await _server.QueryAsync(database => database.Applications.CountAsync(a => a.OrganizationId == organization.Id)));
        var other = (await _server.PostAsync(Path, session, Web("Other"))).Text("id");
        (await _server.PatchAsync($"{Path}/{other}", session, new { name = "portal" })).AssertProblem(409, "name_taken", "name");
        Assert.Equal(200, (await _server.PatchAsync($"{Path}/{other}", session, new { name = "OTHER" })).Status);
    }

    [Fact]
    public async Task Operators_register_server_wide_and_may_use_the_servers_names_and_audiences()
    {
        var operators = await OperatorAsync();
        var (_, _, session) = await _server.AddOrganizationAsync();
        foreach (var answer in (Answer[])[await _server.GetAsync(ServerPath, session), await _server.PostAsync(ServerPath, session, Web()), await _server.GetAsync($"{ServerPath}/{Guid.NewGuid()}", session)])
            answer.AssertProblem(403, "operator_required");

        var audience = $"{_server.Origin.GetLeftPart(UriPartial.Authority)}/platform";
        var body = new { name = $"ACTIVATE {Guid.NewGuid():N}", type = "resourceServer", resources = new[] { audience } };
        (await _server.PostAsync(Path, session, body)).AssertProblem(400, "name_reserved", "name");
        (await _server.PostAsync(Path, session, body with { name = "Mine" })).AssertProblem(400, "resource_reserved", "resources");
        var created = await _server.PostAsync(ServerPath, operators, body);
        Assert.True(created.Status == 201, created.ToString());
        Assert.Equal($"{ServerPath}/{created.Text("id")}", created.Response.Headers.Location?.OriginalString);
        Assert.Empty(Texts(created, "grants"));
        Assert.True((await _server.IntrospectAsync(created.Text("clientId"), created.Text("clientSecret"), session)).Json.GetProperty("active").GetBoolean());
        Assert.Null(await _server.QueryAsync(database => database.Applications.Where(a => a.ClientId == created.Text("clientId")).Select(a => a.OrganizationId).SingleAsync()));
        (await _server.PostAsync(ServerPath, operators, body)).AssertProblem(409, "name_taken", "name");
    }

    [Fact]
    public async Task The_command_lines_own_application_is_listed_and_stays()
    {
        var operators = await OperatorAsync();
        var cli = (await _server.GetAsync($"{ServerPath}?limit=200", operators)).Json.GetProperty("items").EnumerateArray().Single(item => item.GetProperty("clientId").GetString() == TestServer.Cli);
        Assert.Equal(("native", "ACTIVATE command line"), (cli.GetProperty("type").GetString(), cli.GetProperty("name").GetString()));
        var item = $"{ServerPath}/{cli.GetProperty("id").GetString()}";
        (await _server.PatchAsync(item, operators, new { suspended = true })).AssertProblem(403, "built_in_application");
        (await _server.PostAsync($"{item}/secret", operators)).AssertProblem(403, "built_in_application");
        (await _server.DeleteAsync(item, operators)).AssertProblem(403, "built_in_application");
        Assert.Equal(200, (await _server.GetAsync("/api/v1/me", operators)).Status);
    }

    [Fact]
    public async Task After_a_rotation_the_old_secret_works_until_the_end_of_the_overlap()
    {
        var (_, _, session) = await _server.AddOrganizationAsync();
        var created = await ResourceServerAsync(session);
        var (client, first) = (created.Text("clientId"), created.Text("clientSecret"));
        Assert.True(await IsToldAsync(client, first));
        var rotated = await _server.PostAsync($"{Path}/{client}/secret", session, new { overlapHours = 2 });
        Assert.True(rotated.Status == 200, rotated.ToString());
        var second = rotated.Text("clientSecret");
        Assert.Equal(second[^4..], rotated.Text("secretLast4"));
        Assert.NotEqual(first, second);
        (await _server.PostAsync($"{Path}/{client}/secret", session, new { overlapHours = 1 })).AssertProblem(409, "rotation_pending");
        _server.Clock!.Advance(TimeSpan.FromHours(2) - TimeSpan.FromSeconds(1));
        Assert.True(await IsToldAsync(client, first));
        Assert.True(await IsToldAsync(client, second));
        _server.Clock.Advance(TimeSpan.FromSeconds(1));
        Assert.False(await IsToldAsync(client, first));
        Assert.True(await IsToldAsync(client, second));

        // 24 hours when nothing is said, and none at all when nothing but the new one is to work.
        var third = (await _server.PostAsync($"{Path}/{client}/secret", session)).Text("clientSecret");
        Assert.Equal(_server.Now.AddHours(24), (await _server.GetAsync($"{Path}/{client}", session)).Json.Time("previousSecretEndsAt")!.Value, TimeSpan.FromSeconds(1));
        var fourth = (await _server.PostAsync($"{Path}/{client}/secret", session, new { overlapHours = 0 })).Text("clientSecret");
        foreach (var (secret, works) in (new[] { (second, false), (third, false), (fourth, true) }))
            Assert.Equal(works, await IsToldAsync(client, secret));
        foreach (var wrong in (object[])[-1, 169, 1.5, "24"])
            (await _server.PostAsync($"{Path}/{client}/secret", session, new { overlapHours = wrong })).AssertProblem(400);

        async Task<bool> IsToldAsync(string id, string secret)
        {
            var answer = await _server.IntrospectAsync(id, secret, "pwt_nonsense");
            Assert.True(answer is { Status: 200 } or { Status: 401, Error: "invalid_client" }, answer.ToString());
            return answer.Status == 200;
        }
    }

    [Fact]
    public async Task Rotations_at_the_same_moment_leave_one_secret_and_the_one_before()
    {
        var (_, _, session) = await _server.AddOrganizationAsync();
        var created = await ResourceServerAsync(session);
        var client = created.Text("clientId");
        var answers = await TogetherAsync(5, _ => _server.PostAsync($"{Path}/{client}/secret", session));
        Assert.Equal(1, answers.Count(a => a.Status == 200));
        Assert.All(answers.Where(a => a.Status != 200), a => a.AssertProblem(409, "rotation_pending"));
        foreach (var secret in (string[])[created.Text("clientSecret"), answers.Single(a => a.Status == 200).Text("clientSecret")])
            Assert.Equal(200, (await _server.IntrospectAsync(client, secret, "x")).Status);
    }

    [Fact]
    public async Task An_application_with_keys_of_its_own_has_no_secret()
    {
        var (_, _, session) = await _server.AddOrganizationAsync();
        using var ec = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var point = ec.ExportParameters(includePrivateParameters: false).Q;
        var jwks = new { keys = new[] { new { kty = "EC", crv = "P-256", x = Base64Url.EncodeToString(point.X), y = Base64Url.EncodeToString(point.Y), kid = "one" } } };
        var created = await _server.PostAsync(Path, session, Web("Keyed", ("jwks", jwks)));
        Assert.True(created.Status == 201, created.ToString());
        Assert.False(created.Has("clientSecret"));
        Assert.Equal("one", created.Json.GetProperty("jwks").GetProperty("keys")[0].GetProperty("kid").GetString());
        var id = created.Text("id");
        (await _server.PostAsync($"{Path}/{id}/secret", session)).AssertProblem(409, "no_secret");
        Assert.Equal(200, (await _server.PatchAsync($"{Path}/{id}", session, new { jwks = (object?)null })).Status);
        var secret = (await _server.PostAsync($"{Path}/{id}/secret", session)).Text("clientSecret");
        Assert.Equal(200, (await _server.IntrospectAsync(id, secret, "x")).Status);
        // Keys take the place of the secret at once.
        Assert.Equal(JsonValueKind.Null, (await _server.PatchAsync($"{Path}/{id}", session, new { jwks })).Json.GetProperty("secretLast4").ValueKind);
        Assert.Equal(401, (await _server.IntrospectAsync(id, secret, "x")).Status);
        (await _server.PostAsync($"{Path}/{(await _server.PostAsync(Path, session, Web("Page", ("type", "browser")))).Text("id")}/secret", session)).AssertProblem(409, "no_secret");
    }

    [Fact]
    [Trait("Case", "O11")]
    public async Task Whoever_allowed_it_is_asked_again_when_it_grows_and_not_when_it_shrinks()
    {
        var (_, owner, session) = await _server.AddOrganizationAsync();
        var id = Guid.Parse((await _server.PostAsync(Path, session, Web("Portal", ("scopes", new[] { "openid", "platform", "email" })))).Text("id"));
        foreach (var (change, asked) in ((object, bool)[])[
            (new { name = "Portal 2" }, false), (new { scopes = new[] { "openid" } }, false), (new { suspended = true }, false), (new { suspended = false }, false),
            (new { scopes = new[] { "openid", "profile" } }, true), (new { redirectUris = new[] { s_callback[0], "https://new.example.test/cb" } }, true), (new { redirectUris = s_callback }, false)])
        {
            await _server.QueryAsync(async database =>
            {
                if (!await database.Consents.AnyAsync(c => c.ApplicationId == id))
                    database.Consents.Add(new Consent { Id = Guid.CreateVersion7(), ApplicationId = id, UserId = owner.Id, Scopes = "openid", GrantedAt = _server.Now });
                return await database.SaveChangesAsync();
            });
            Assert.Equal(200, (await _server.PatchAsync($"{Path}/{id}", session, change)).Status);
            Assert.Equal(asked ? 0 : 1, await _server.QueryAsync(database => database.Consents.CountAsync(c => c.ApplicationId == id)));
        }
    }

    [Fact]
    [Trait("Case", "O11")]
    public async Task What_a_suspended_or_deleted_application_got_does_not_work()
    {
        var (_, owner, session) = await _server.AddOrganizationAsync();
        var id = (await _server.PostAsync(Path, session, Web())).Text("id");
        var token = await _server.GrantAsync(owner.Id, "openid platform credentials:read");
        await _server.QueryAsync(async database =>
        {
            var hash = SHA256.HashData(Encoding.ASCII.GetBytes(token));
            await database.TokenGrants.Where(g => g.TokenHash == hash).ExecuteUpdateAsync(set => set.SetProperty(g => g.ClientId, id));
            database.Consents.Add(new Consent { Id = Guid.CreateVersion7(), ApplicationId = Guid.Parse(id), UserId = owner.Id, Scopes = "openid", GrantedAt = _server.Now });
            database.AuthorizationCodes.Add(new AuthorizationCode
            {
                Id = Guid.CreateVersion7(), Hash = RandomNumberGenerator.GetBytes(32), ClientId = id, UserId = owner.Id, Scopes = "openid", RedirectUri = s_callback[0], Methods = "pwd", ExpiresAt = _server.Now.AddMinutes(1),
            });
            database.PushedRequests.Add(new PushedRequest { Id = Guid.CreateVersion7(), Hash = RandomNumberGenerator.GetBytes(32), ClientId = id, Parameters = "{}", ExpiresAt = _server.Now.AddMinutes(1) });
            return await database.SaveChangesAsync();
        });
        Assert.Equal(200, (await _server.GetAsync("/api/v1/me", token)).Status);
        Assert.Equal(200, (await _server.PatchAsync($"{Path}/{id}", session, new { suspended = true })).Status);
        (await _server.GetAsync("/api/v1/me", token)).AssertProblem(401);
        Assert.Equal(200, (await _server.PatchAsync($"{Path}/{id}", session, new { suspended = false })).Status);
        Assert.Equal(200, (await _server.GetAsync("/api/v1/me", token)).Status);
        Assert.Equal(204, (await _server.DeleteAsync($"{Path}/{id}", session)).Status);
        (await _server.GetAsync("/api/v1/me", token)).AssertProblem(401);
        Assert.Equal((0, 0, 0, 0), await _server.QueryAsync(async database => (
            await database.TokenGrants.CountAsync(g => g.ClientId == id), await database.AuthorizationCodes.CountAsync(c => c.ClientId == id),
            await database.PushedRequests.CountAsync(r => r.ClientId == id), await database.Consents.CountAsync(c => c.ApplicationId == Guid.Parse(id)))));
    }

    [Fact]
    public async Task Lists_come_in_pages_newest_first()
    {
        var (_, _, session) = await _server.AddOrganizationAsync();
        foreach (var name in (string[])["a", "b", "c"])
        {
            Assert.Equal(201, (await _server.PostAsync(Path, session, Web(name))).Status);
            Tick();
        }

        var first = await _server.GetAsync($"{Path}?limit=2", session);
        Assert.Equal(["c", "b"], Names(first));
        Assert.Equal(["a"], Names(await _server.GetAsync($"{Path}?limit=2&after={first.Text("next")}", session)));
    }

    /// <summary>So that what is done next comes later in the order of ids.</summary>
    private void Tick() => _server.Clock!.Advance(TimeSpan.FromMilliseconds(2));

    private Task<Answer> ResourceServerAsync(string session) => _server.PostAsync(Path, session, new { name = "Api", type = "resourceServer", resources = new[] { "https://api.example.test" } });

    private static IEnumerable<string?> Names(Answer list) => list.Json.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("name").GetString());

    private static IEnumerable<string?> Texts(Answer item, string member) => item.Json.GetProperty(member).EnumerateArray().Select(text => text.GetString());
}
