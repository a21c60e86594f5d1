using Activate.Identity.Testing;
using Microsoft.IdentityModel.JsonWebTokens;

namespace Activate.Identity.Server.Tests.Connect;

/// <summary>Resource indicators (RFC 8707) from the authorization request to the last refresh.</summary>
public sealed class ResourceTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private const string Secret = "s3cret";
    private static readonly string[] s_malformed = ["not a uri", "/relative", "https://rs.example.test/#part"];
    private readonly TestServer _server = shared.Server;

    private string Ours => $"{_server.Origin}api";

    private async Task<string> AddServerAsync(Guid? organizationId = null)
    {
        var audience = $"https://{shared.NewName("rs")}.example.test/";
        await _server.RegisterApplicationAsync(shared.NewName("rs"), Secret, audience, organizationId);
        return audience;
    }

    /// <summary>A code for some resources, which is redeemed for some of them.</summary>
    private async Task<(string Client, Answer Tokens)> ConnectAsync(string scope, string[] asked, params string[] redeemed)
    {
        var client = shared.NewName("app");
        await _server.RegisterApplicationAsync(client, Secret);
        var (_, browser) = await shared.NewUserAsync();
        using var person = browser;
        var pkce = Pkce.New();
        var path = TestServer.AuthorizePath(client, pkce, ("scope", scope)) + string.Concat(asked.Select(resource => $"&resource={Uri.EscapeDataString(resource)}"));
        var code = TestServer.Parameter(await TestServer.AllowAsync(person, path), "code");
        return (client, await _server.PostFormAsync("/connect/token",
            [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", TestServer.Callback), ("code_verifier", pkce.Verifier), .. redeemed.Select(resource => ("resource", resource))],
            authorization: TestServer.Basic(client, Secret)));
    }

    private Task<Answer> RefreshAsync(string client, Answer tokens, params string[] resources) =>
        _server.RefreshAsync(client, Secret, tokens.Text("refresh_token"), more: [.. resources.Select(resource => ("resource", resource))]);

    private static IEnumerable<string> AudiencesOf(Answer tokens) => new JsonWebToken(tokens.Text("access_token")).Audiences.Order(StringComparer.Ordinal);

    private string[] WithOurs(params string[] resources) => [.. resources.Append(Ours).Order(StringComparer.Ordinal)];

    [Fact]
    public async Task Some_of_what_was_granted_may_be_asked_for_each_time_and_the_chain_keeps_all_of_it()
    {
        var (calendar, contacts, other) = (await AddServerAsync(), await AddServerAsync(), await AddServerAsync());
        var (client, first) = await ConnectAsync("openid offline_access", [calendar, contacts], calendar);
        Assert.Equal(WithOurs(calendar), AudiencesOf(first));
        // As in RFC 8707 §2.2: the code was redeemed for one of them, the other comes by the refresh token.
        var second = await RefreshAsync(client, first, contacts);
        Assert.Equal(WithOurs(contacts), AudiencesOf(second));
        Assert.Equal((400, "invalid_target"), (await RefreshAsync(client, second, other) is var refused ? (refused.Status, refused.Error) : default));
        Assert.Equal("invalid_target", (await RefreshAsync(client, second, calendar, other)).Error);
        // What was refused used nothing up.
        var third = await RefreshAsync(client, second);
        Assert.Equal(WithOurs(calendar, contacts), AudiencesOf(third));
    }

    [Fact]
    public async Task Who_does_not_choose_gets_a_token_for_all_and_the_code_gives_nothing_beyond()
    {
        var (calendar, contacts, other) = (await AddServerAsync(), await AddServerAsync(), await AddServerAsync());
        Assert.Equal(WithOurs(calendar, contacts), AudiencesOf((await ConnectAsync("openid", [calendar, contacts])).Tokens));
        Assert.Equal(WithOurs(contacts), AudiencesOf((await ConnectAsync("openid", [calendar, contacts], contacts)).Tokens));
        Assert.Equal("invalid_target", (await ConnectAsync("openid", [calendar], other)).Tokens.Error);
        Assert.Equal("invalid_target", (await ConnectAsync("openid", [], other)).Tokens.Error);
    }

    [Fact]
    public async Task A_resource_that_nobody_or_a_foreign_organization_answers_for_is_told_to_the_application()
    {
        var foreign = await _server.CreateOrganizationAsync(shared.NewName("foreign"));
        var client = shared.NewName("app");
        await _server.RegisterApplicationAsync(client, Secret);
        var (_, browser) = await shared.NewUserAsync();
        using var person = browser;
        foreach (var resource in (string[])["https://nobody.example.test/", await AddServerAsync(foreign.Id), $"{Ours}/", .. s_malformed])
        {
            await person.GoAsync(TestServer.AuthorizePath(client, Pkce.New(), ("resource", resource)));
            Assert.True(TestServer.Parameter(person.Response.Headers.Location, "error") == "invalid_target", $"{resource}: {person.Response.Headers.Location} {person.PageText}");
        }
    }

    [Fact]
    public async Task A_resource_that_is_no_absolute_address_or_has_a_fragment_is_an_invalid_target_wherever_it_stands()
    {
        var client = shared.NewName("app");
        await _server.RegisterApplicationAsync(client, Secret);
        var (_, chain) = await ConnectAsync("openid offline_access", []);
        foreach (var resource in s_malformed)
        {
            foreach (var (path, fields) in ((string, (string, string)[])[])
            [
                ("/connect/par", [("client_id", client), ("response_type", "code"), ("redirect_uri", TestServer.Callback), ("code_challenge", Pkce.New().Challenge), ("code_challenge_method", "S256")]),
                ("/connect/device", [("client_id", TestServer.Cli)]),
                ("/connect/token", [("grant_type", "client_credentials")]),
                ("/connect/token", [("grant_type", "refresh_token"), ("refresh_token", chain.Text("refresh_token"))]),
                ("/connect/token", [("grant_type", "authorization_code"), ("code", "code"), ("redirect_uri", TestServer.Callback), ("code_verifier", Pkce.New().Verifier)]),
                ("/connect/token", [("grant_type", TestServer.DeviceGrantType), ("client_id", TestServer.Cli), ("device_code", "code")]),
                ("/connect/token", [("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"), ("subject_token", chain.Text("access_token")), ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token")]),
            ])
            {
                var own = fields.Contains(("client_id", TestServer.Cli));
                var answer = await _server.PostFormAsync(path, [.. fields, ("resource", resource)], authorization: own ? null : TestServer.Basic(client, Secret));
                Assert.True(answer is { Status: 400, Error: "invalid_target" }, $"{path} {fields[0]} {resource}: {answer}");
            }
        }
    }
}
