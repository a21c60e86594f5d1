using System.Globalization;
using System.Net.Http;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.RegularExpressions;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Data.Applications;
using Activate.Identity.Data.Organizations;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Server.Tests.SshKeys;
using Activate.Identity.Testing;

namespace Activate.Identity.Server.Tests.Organizations;

/// <summary>
/// Every operation of the OpenAPI document is tried on what belongs to one organization with every kind of credential of another: the answer is that of a thing that
/// is not there, byte for byte, and afterwards nothing has changed. An operation that comes new into the document and that this does not know makes it fail.
/// </summary>
[Trait("Database", "Differs")]
public sealed partial class IsolationTests(IsolationTests.Fixture fixture, ITestOutputHelper output) : IClassFixture<IsolationTests.Fixture>
{
    private const string ServiceAccounts = "/api/v1/organization/service-accounts";
    private const string NestedKeys = ServiceAccounts + "/{id}/api-keys";
    private const string AnyKind = "/api/v1/organization/credentials/{kind}";
    private static readonly string[] s_callback = [TestServer.Callback];
    private static readonly string[] s_scopes = ["openid", "platform"];
    private static readonly string[] s_everything = ["platform", "credentials:read", "credentials:write", "organization:read", "organization:write", "audit:read"];
    private readonly TestServer _server = fixture.Server;

    public sealed class Fixture : ServerFixture
    {
        protected override TestServerOptions Options => new() { Settings = new Dictionary<string, string?> { ["RateLimits:Enabled"] = "false" } };
    }

    /// <summary>What a path's parameter stands for in the organization that is attacked; the part of the path before the parameter, then the value.</summary>
    private sealed record Victim(Organization Organization, string Session, string Username, IReadOnlyDictionary<string, string> Values)
    {
        /// <summary>Whatever of these appears in an answer to somebody else has leaked.</summary>
        public IEnumerable<string> Marks => [.. Values.Values.SelectMany(value => value.Split(' ')).Where(value => value != "api-keys").Select(Uri.UnescapeDataString), Organization.Slug, Organization.Id.ToString(), Username];
    }

    /// <summary>An operation of the document.</summary>
    private sealed record Operation(HttpMethod Method, string Path)
    {
        /// <summary>The path up to its last parameter, which is what the operation is about; null where there is none.</summary>
        public string? Collection => Path.LastIndexOf('{') is var at and > 0 ? Path[..(at - 1)] : null;

        /// <summary>Nothing is about a thing of a thing without the first of them: the values of a nested path are separated by a space.</summary>
        public string At(string value)
        {
            var values = value.Split(' ');
            var place = 0;
            return PathParameter().Replace(Path, _ => values[place++]);
        }

        public override string ToString() => $"{Method} {Path}";
    }

    /// <summary>Of the victim's SSH key, URL-encoded.</summary>
    private string _fingerprint = "";

    [Fact]
    [Trait("Case", "O1")]
    public async Task No_operation_tells_or_changes_anything_of_another_organization()
    {
        var victim = await VictimAsync();
        _fingerprint = victim.Values["/api/v1/organization/ssh-fingerprints"];
        var attackers = await AttackersAsync();
        var before = await StateAsync(victim);
        var (cells, open) = (0, new List<string>());
        var operations = await OperationsAsync();
        foreach (var operation in operations.Where(operation => operation.Collection is not null))
        {
            Assert.True(victim.Values.TryGetValue(operation.Collection!, out var value), $"{operation}: add what it is about to the organization that this test attacks.");
            var missing = Missing(operation, value);
            // Organizations themselves are the operators'.
            foreach (var (who, credential) in attackers.Where(attacker => attacker.Who != "operator" || operation.Collection != "/api/v1/organizations"))
            {
                var (there, nowhere) = (await CallAsync(operation, value, credential), await CallAsync(operation, missing, credential));
                cells++;
                if (Told(there, value) != Told(nowhere, missing))
                    open.Add($"{operation} by {who}: {there} instead of {nowhere}");
                // Somebody who may do anything in his own organization comes as far as anybody can: to the look for the thing itself.
                if (who == "owner" && !IsForOthers(operation) && there.Status != 404)
                    open.Add($"{operation} by {who}: {there}, which says nothing about isolation");
            }
        }

        // Lists, with every way of naming another organization that a program may have been written to believe in.
        foreach (var operation in operations.Where(operation => operation.Collection is null && operation.Method == HttpMethod.Get))
        {
            foreach (var (who, credential) in attackers)
            {
                foreach (var accept in (string[])["application/json", "text/csv", "application/x-ndjson"])
                {
                    using var client = _server.Client();
                    using var request = new HttpRequestMessage(HttpMethod.Get,
                        $"{operation.Path}?limit=200&organization={victim.Organization.Slug}&org={victim.Organization.Id}&organizationId={victim.Organization.Id}&owner={victim.Username}");
                    request.Headers.Authorization = credential is null ? null : new AuthenticationHeaderValue("Bearer", credential);
                    request.Headers.Add("X-Organization", victim.Organization.Slug);
                    request.Headers.Accept.ParseAdd(accept);
                    var answer = await Answer.FromAsync(await client.SendAsync(request));
                    cells++;
                    Assert.True(answer.Status < 500, $"{operation}: {answer}");
                    if (who == "operator" && operation.Path == "/api/v1/organizations")
                        continue;
                    if (victim.Marks.FirstOrDefault(mark => answer.Body.Contains(mark, StringComparison.OrdinalIgnoreCase)) is { } mark)
                        open.Add($"{operation} as {accept} by {who} tells '{mark}'");
                }
            }
        }

        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{cells} cells, {open.Count} open"));
        Assert.Empty(open);
        Assert.Equal(before, await StateAsync(victim));
        Assert.True(cells >= 500, $"Only {cells} cells: the document or the credentials are not what they were.");
    }

    /// <summary>What an owner may not do in his own organization either: operators' things, and what a cluster asks.</summary>
    private static bool IsForOthers(Operation operation) => operation.Collection is "/api/v1/organizations" or "/api/v1/applications" or "/api/v1/authorized-keys" or "/api/v1/authorized-principals";

    private static string Missing(Operation operation, string value) => operation.Collection switch
    {
        "/api/v1/authorized-keys" or "/api/v1/authorized-principals" => "nobody-of-this-name",
        AnyKind => $"api-keys {Guid.CreateVersion7()}",
        "/api/v1/organization/ssh-fingerprints" => Uri.EscapeDataString($"SHA256:{new string('A', 43)}"),
        NestedKeys => $"{Guid.CreateVersion7()} {Guid.CreateVersion7()}",
        _ => Guid.TryParse(value, out _) ? Guid.CreateVersion7().ToString() : throw new InvalidOperationException($"{operation}: say what is not there."),
    };

    /// <summary>The answer without what differs because the question does.</summary>
    private static string Told(Answer answer, string value) =>
        $"{answer.Status} {answer.Response.Content.Headers.ContentType} {answer.Header("ETag")} {value.Split(' ').Aggregate(answer.Body, (body, part) =>
            body.Replace(Uri.UnescapeDataString(part), "?", StringComparison.OrdinalIgnoreCase).Replace(part, "?", StringComparison.OrdinalIgnoreCase))}";

    private async Task<Answer> CallAsync(Operation operation, string value, string? credential)
    {
        using var client = _server.Client();
        using var request = new HttpRequestMessage(operation.Method, operation.At(value));
        if (operation.Method != HttpMethod.Get && operation.Method != HttpMethod.Delete)
        {
            request.Content = JsonContent.Create<object>(operation switch
            {
                { Method.Method: "PATCH", Collection: "/api/v1/organization/service-accounts" } => new { description = "taken over" },
                { Method.Method: "POST", Path: ServiceAccounts + "/{id}/api-keys" } => new { name = "taken over" },
                { Method.Method: "PATCH", Collection: "/api/v1/organization/members" } => new { role = "admin" },
                { Method.Method: "PATCH", Collection: "/api/v1/organizations" } => new { suspended = true },
                { Path: "/api/v1/authorized-keys/{username}/logins" } => new { fingerprint = Uri.UnescapeDataString(_fingerprint) },
                { Method.Method: "PATCH" } => new { name = "taken over" },
                _ => new { },
            });
        }

        request.Headers.Authorization = credential is null ? null : new AuthenticationHeaderValue("Bearer", credential);
        return await Answer.FromAsync(await client.SendAsync(request));
    }

    private async Task<IReadOnlyList<Operation>> OperationsAsync()
    {
        var paths = (await _server.GetAsync("/openapi/v1.json", null)).Json.GetProperty("paths");
        return
        [
            .. from path in paths.EnumerateObject()
               from operation in path.Value.EnumerateObject()
               where path.Name.StartsWith("/api/", StringComparison.Ordinal) && operation.Name is "get" or "post" or "put" or "patch" or "delete"
               select new Operation(new HttpMethod(operation.Name.ToUpperInvariant()), path.Name),
        ];
    }

    private async Task<Victim> VictimAsync()
    {
        var (organization, owner, _) = await _server.AddOrganizationAsync();
        var session = await _server.GrantAsync(owner.Id, string.Join(' ', s_everything));
        var member = await _server.AddUserAsync(organizationId: organization.Id);
        var key = await _server.CreateApiKeyAsync(session, "theirs", new { name = "theirs", scopes = new[] { "platform" } });
        var ssh = await CreateAsync("/api/v1/ssh-keys", new { name = "laptop", publicKey = SshTestKeys.Ed25519() });
        var application = await CreateAsync("/api/v1/organization/applications", new { name = "Portal", type = "web", redirectUris = s_callback, scopes = s_scopes });
        var account = (await CreateAsync(ServiceAccounts, new { username = $"robot-{Guid.NewGuid():N}"[..20], description = "theirs", keepers = new[] { owner.UserName } })).Text("id");
        var consent = Guid.CreateVersion7();
        await _server.QueryAsync(async database =>
        {
            database.Consents.Add(new Consent { Id = consent, UserId = owner.Id, ApplicationId = Guid.Parse(application.Text("id")), Scopes = "openid", GrantedAt = _server.Now });
            return await database.SaveChangesAsync();
        });
        var cluster = (await CreateAsync("/api/v1/organization/clusters", new { name = "Theirs", address = "login.example.test" })).Text("id");
        return new Victim(organization, session, owner.UserName!, new Dictionary<string, string>
        {
            ["/api/v1/ssh-certificates"] = (await CreateAsync("/api/v1/ssh-certificates", new { publicKey = SshTestKeys.Ed25519(), cluster })).Text("id"),
            ["/api/v1/authorized-principals"] = owner.UserName!,
            ["/api/v1/organization/consents"] = consent.ToString(),
            ["/api/v1/api-keys"] = key.Id,
            ["/api/v1/tokens"] = (await CreateAsync("/api/v1/tokens", new { name = "theirs" })).Text("id"),
            ["/api/v1/sessions"] = (await _server.GetAsync("/api/v1/sessions", session)).Json.GetProperty("items")[0].GetProperty("id").GetString()!,
            ["/api/v1/ssh-keys"] = ssh.Text("id"),
            ["/api/v1/organization/ssh-fingerprints"] = Uri.EscapeDataString(ssh.Text("fingerprint")),
            ["/api/v1/organization/members"] = member.Id.ToString(),
            ["/api/v1/organization/applications"] = application.Text("id"),
            ["/api/v1/applications"] = application.Text("id"),
            [AnyKind] = $"api-keys {key.Id}",
            ["/api/v1/organization/clusters"] = cluster,
            ["/api/v1/organization/identity-providers"] = (await CreateAsync("/api/v1/organization/identity-providers", new { name = "Theirs", issuer = "https://login.theirs.test", clientId = "activate" })).Text("id"),
            [ServiceAccounts] = account,
            [NestedKeys] = $"{account} {(await CreateAsync($"{ServiceAccounts}/{account}/api-keys", new { name = "robot" })).Text("id")}",
            ["/api/v1/organizations"] = organization.Id.ToString(),
            ["/api/v1/authorized-keys"] = owner.UserName!,
        });

        async Task<Answer> CreateAsync(string path, object body)
        {
            var answer = await _server.PostAsync(path, session, body);
            Assert.True(answer.Status == 201, $"{path}: {answer}");
            return answer;
        }
    }

    /// <summary>One credential of each kind and role, all of another organization.</summary>
    private async Task<IReadOnlyList<(string Who, string? Credential)>> AttackersAsync()
    {
        var (organization, owner, _) = await _server.AddOrganizationAsync();
        var everything = string.Join(' ', s_everything);
        var session = await _server.GrantAsync(owner.Id, everything);
        var key = await _server.CreateApiKeyAsync(session, "robot", new { name = "robot", scopes = s_everything });
        var cluster = await _server.PostAsync("/api/v1/organization/clusters", session, new { name = "Ours", address = "login.example.test" });
        await _server.RegisterApplicationAsync("isolated", "isolated-secret", organizationId: organization.Id);
        var service = await _server.PostFormAsync("/connect/token", [("grant_type", "client_credentials"), ("scope", "platform")], authorization: TestServer.Basic("isolated", "isolated-secret"));
        await _server.CreateUserAsync("isolated", Role.Owner, organization.Id);
        var browser = await _server.SignInAsync(username: "isolated", password: TestServer.UserPassword);
        var application = await _server.ConnectAsync(browser, "isolated", "isolated-secret", $"openid offline_access {everything}");
        var exchanged = await _server.PostFormAsync("/connect/token",
            [("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"), ("client_id", TestServer.Cli), ("subject_token", key.Key), ("subject_token_type", "urn:parallelworks:token-type:api-key")]);
        var @operator = await _server.AddUserAsync(Role.Owner, organizationId: organization.Id, isOperator: true);
        return
        [
            ("nobody", null),
            ("member", (await _server.AddPersonAsync(Role.Member, organization.Id)).Session),
            ("admin", await _server.GrantAsync((await _server.AddUserAsync(Role.Admin, organizationId: organization.Id)).Id, everything)),
            ("owner", session),
            ("owner's API key", key.Key),
            ("owner's token", await _server.GrantAsync(owner.Id, everything, kind: CredentialKind.Token)),
            ("owner's exchanged token", exchanged.Text("access_token")),
            ("owner's application", application.Text("access_token")),
            ("application itself", service.Text("access_token")),
            ("cluster", cluster.Text("key")),
            // Who runs the server is nobody in an organization that is not his own.
            ("operator", await _server.GrantAsync(@operator.Id, everything)),
        ];
    }

    /// <summary>Everything the organization's owner can see, but for what looking itself changes.</summary>
    private async Task<string> StateAsync(Victim victim)
    {
        var lists = new List<string>();
        foreach (var path in (string[])["/api/v1/api-keys", "/api/v1/tokens", "/api/v1/sessions", "/api/v1/ssh-keys", "/api/v1/organization", "/api/v1/organization/policy",
            "/api/v1/organization/members", "/api/v1/organization/applications", "/api/v1/organization/clusters", "/api/v1/organization/ssh-certificate-authorities", "/api/v1/ssh-certificates", "/api/v1/organization/credentials", "/api/v1/organization/consents", "/api/v1/organization/audit-events",
            ServiceAccounts, $"{ServiceAccounts}/{victim.Values[ServiceAccounts]}/api-keys"])
        {
            var answer = await _server.GetAsync(path, victim.Session);
            Assert.True(answer.Status == 200, $"{path}: {answer}");
            lists.Add(LastUse().Replace(JsonSerializer.Serialize(answer.Json), ""));
        }

        return string.Join('\n', lists);
    }

    [GeneratedRegex(@"\{[^}]*\}")]
    private static partial Regex PathParameter();

    [GeneratedRegex(@"""lastUsed(At|From|On)"":[^,}]*,?")]
    private static partial Regex LastUse();
}
