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
using static Activate.Identity.Server.Tests.Organizations.WholeOrganization;

namespace Activate.Identity.Server.Tests.Organizations;

/// <summary>
/// Every operation of the OpenAPI document is tried on what belongs to one organization with every kind of credential of another: the answer is that of a thing that
/// is not there, byte for byte, and afterwards nothing has changed. An operation that comes new into the document and that this does not know makes it fail.
/// </summary>
[Trait("Database", "Differs")]
public sealed partial class IsolationTests(IsolationTests.Fixture fixture, ITestOutputHelper output) : IClassFixture<IsolationTests.Fixture>
{
    private readonly TestServer _server = fixture.Server;

    public sealed class Fixture : ServerFixture
    {
        protected override TestServerOptions Options => new() { Settings = new Dictionary<string, string?> { ["RateLimits:Enabled"] = "false" } };
    }

    /// <summary>Of the victim's SSH key, URL-encoded.</summary>
    private string _fingerprint = "";

    [Fact]
    [Trait("Case", "O1")]
    public async Task No_operation_tells_or_changes_anything_of_another_organization()
    {
        var victim = await WholeOrganization.CreateAsync(_server);
        _fingerprint = victim.Values["/api/v1/organization/ssh-fingerprints"];
        var attackers = await AttackersAsync();
        var before = await StateAsync(victim);
        var (cells, open) = (0, new List<string>());
        var operations = await Operation.AllAsync(_server);
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
                { Method.Method: "POST", Path: WholeOrganization.ServiceAccounts + "/{id}/api-keys" } => new { name = "taken over" },
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

    /// <summary>One credential of each kind and role, all of another organization.</summary>
    private async Task<IReadOnlyList<(string Who, string? Credential)>> AttackersAsync()
    {
        var (organization, owner, _) = await _server.AddOrganizationAsync();
        var everything = string.Join(' ', Scopes);
        var session = await _server.GrantAsync(owner.Id, everything);
        var key = await _server.CreateApiKeyAsync(session, "robot", new { name = "robot", scopes = Scopes });
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
    private async Task<string> StateAsync(WholeOrganization victim)
    {
        var lists = new List<string>();
        foreach (var path in (string[])["/api/v1/api-keys", "/api/v1/tokens", "/api/v1/sessions", "/api/v1/ssh-keys", "/api/v1/organization", "/api/v1/organization/policy",
            "/api/v1/organization/members", "/api/v1/organization/applications", "/api/v1/organization/clusters", "/api/v1/organization/ssh-certificate-authorities", "/api/v1/ssh-certificates", "/api/v1/organization/credentials", "/api/v1/organization/consents", "/api/v1/organization/audit-events",
            WholeOrganization.ServiceAccounts, $"{WholeOrganization.ServiceAccounts}/{victim.Values[WholeOrganization.ServiceAccounts]}/api-keys"])
        {
            var answer = await _server.GetAsync(path, victim.Session);
            Assert.True(answer.Status == 200, $"{path}: {answer}");
            lists.Add(LastUse().Replace(JsonSerializer.Serialize(answer.Json), ""));
        }

        return string.Join('\n', lists);
    }

    [GeneratedRegex(@"""lastUsed(At|From|On)"":[^,}]*,?")]
    private static partial Regex LastUse();
}
