using System.Text.Json;
using Activate.Identity.Testing;
using Microsoft.IdentityModel.Tokens;

namespace Activate.Identity.Server.Tests.Conformance;

/// <summary>What the suite knows of the server: its discovery document and its keys.</summary>
internal sealed record Discovery(Answer Answer, Answer KeySet)
{
    public const string Path = "/.well-known/openid-configuration";

    public string Issuer => Answer.Text("issuer");

    public string AuthorizationEndpoint => Local("authorization_endpoint");

    public string TokenEndpoint => Local("token_endpoint");

    public string UserInfoEndpoint => Local("userinfo_endpoint");

    public string PushEndpoint => Local("pushed_authorization_request_endpoint");

    public string EndSessionEndpoint => Local("end_session_endpoint");

    public IList<SecurityKey> Keys => [.. KeySet.Json.GetProperty("keys").EnumerateArray().Select(key => new JsonWebKey(key.GetRawText()))];

    public IEnumerable<string> Values(string member) => Answer.Json.GetProperty(member).EnumerateArray().Select(value => value.GetString()!);

    public bool Lists(string member, string value) => Answer.Has(member) && Values(member).Contains(value);

    /// <summary>Whether a flag is there and true; one that is left out has a default of its own.</summary>
    public bool Says(string member) => Answer.Has(member) && Answer.Json.GetProperty(member).ValueKind == JsonValueKind.True;

    public static async Task<Discovery> ReadAsync(TestServer server)
    {
        using var client = server.Client();
        var answer = await Answer.FromAsync(await client.GetAsync(new Uri(server.Origin, Path)));
        Assert.True(answer.Status == 200, answer.ToString());
        return new Discovery(answer, await Answer.FromAsync(await client.GetAsync(new Uri(answer.Text("jwks_uri")))));
    }

    private string Local(string member) => new Uri(Answer.Text(member)).AbsolutePath;
}
