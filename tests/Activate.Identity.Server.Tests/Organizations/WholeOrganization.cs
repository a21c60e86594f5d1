using System.Net.Http;
using System.Text.RegularExpressions;
using Activate.Identity.Data.Applications;
using Activate.Identity.Data.Organizations;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Server.Tests.SshKeys;
using Activate.Identity.Testing;

namespace Activate.Identity.Server.Tests.Organizations;

/// <summary>An organization that has one of everything, so that every operation of the API is about something.</summary>
/// <param name="Organization">Itself.</param>
/// <param name="Session">Of its owner, who may do everything.</param>
/// <param name="Username">The owner's.</param>
/// <param name="Values">What a path's parameter stands for: the part of the path before the parameter, then the value.</param>
internal sealed record WholeOrganization(Organization Organization, string Session, string Username, IReadOnlyDictionary<string, string> Values)
{
    public const string ServiceAccounts = "/api/v1/organization/service-accounts";
    public const string NestedKeys = ServiceAccounts + "/{id}/api-keys";
    public const string AnyKind = "/api/v1/organization/credentials/{kind}";
    public static readonly string[] Scopes = ["platform", "credentials:read", "credentials:write", "organization:read", "organization:write", "audit:read"];
    private static readonly string[] s_callback = [TestServer.Callback];
    private static readonly string[] s_scopes = ["openid", "platform"];

    /// <summary>Whatever of these appears in an answer to somebody else has leaked.</summary>
    public IEnumerable<string> Marks => [.. Values.Values.SelectMany(value => value.Split(' ')).Where(value => value != "api-keys").Select(Uri.UnescapeDataString), Organization.Slug, Organization.Id.ToString(), Username];

    public static async Task<WholeOrganization> CreateAsync(TestServer server)
    {
        var (organization, owner, _) = await server.AddOrganizationAsync();
        var session = await server.GrantAsync(owner.Id, string.Join(' ', Scopes));
        var member = await server.AddUserAsync(organizationId: organization.Id);
        var key = await server.CreateApiKeyAsync(session, "theirs", new { name = "theirs", scopes = new[] { "platform" } });
        var ssh = await CreateAsync("/api/v1/ssh-keys", new { name = "laptop", publicKey = SshTestKeys.Ed25519() });
        var application = await CreateAsync("/api/v1/organization/applications", new { name = "Portal", type = "web", redirectUris = s_callback, scopes = s_scopes });
        var account = (await CreateAsync(ServiceAccounts, new { username = $"robot-{Guid.NewGuid():N}"[..20], description = "theirs", keepers = new[] { owner.UserName } })).Text("id");
        var consent = Guid.CreateVersion7();
        await server.QueryAsync(async database =>
        {
            database.Consents.Add(new Consent { Id = consent, UserId = owner.Id, ApplicationId = Guid.Parse(application.Text("id")), Scopes = "openid", GrantedAt = server.Now });
            return await database.SaveChangesAsync();
        });
        var cluster = (await CreateAsync("/api/v1/organization/clusters", new { name = "Theirs", address = "login.example.test" })).Text("id");
        return new WholeOrganization(organization, session, owner.UserName!, new Dictionary<string, string>
        {
            ["/api/v1/ssh-certificates"] = (await CreateAsync("/api/v1/ssh-certificates", new { publicKey = SshTestKeys.Ed25519(), cluster })).Text("id"),
            ["/api/v1/authorized-principals"] = owner.UserName!,
            ["/api/v1/organization/consents"] = consent.ToString(),
            ["/api/v1/api-keys"] = key.Id,
            ["/api/v1/tokens"] = (await CreateAsync("/api/v1/tokens", new { name = "theirs" })).Text("id"),
            ["/api/v1/sessions"] = (await server.GetAsync("/api/v1/sessions", session)).Json.GetProperty("items")[0].GetProperty("id").GetString()!,
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
            var answer = await server.PostAsync(path, session, body);
            Assert.True(answer.Status == 201, $"{path}: {answer}");
            return answer;
        }
    }
}

/// <summary>An operation of the OpenAPI document.</summary>
internal sealed partial record Operation(HttpMethod Method, string Path)
{
    /// <summary>The path up to its last parameter, which is what the operation is about; null where there is none.</summary>
    public string? Collection => Path.LastIndexOf('{') is var at and > 0 ? Path[..(at - 1)] : null;

    public static async Task<IReadOnlyList<Operation>> AllAsync(TestServer server)
    {
        var paths = (await server.GetAsync("/openapi/v1.json", null)).Json.GetProperty("paths");
        return
        [
            .. from path in paths.EnumerateObject()
               from operation in path.Value.EnumerateObject()
               where path.Name.StartsWith("/api/", StringComparison.Ordinal) && operation.Name is "get" or "post" or "put" or "patch" or "delete"
               select new Operation(new HttpMethod(operation.Name.ToUpperInvariant()), path.Name),
        ];
    }

    /// <summary>Nothing is about a thing of a thing without the first of them: the values of a nested path are separated by a space.</summary>
    public string At(string value)
    {
        var values = value.Split(' ');
        var place = 0;
        return PathParameter().Replace(Path, _ => values[place++]);
    }

    public override string ToString() => $"{Method} {Path}";

    [GeneratedRegex(@"\{[^}]*\}")]
    private static partial Regex PathParameter();
}
