namespace Activate.Identity.EndToEnd.Tests.Clients;

/// <summary>npm <c>openid-client</c>. It writes id and secret percent-encoded into Basic (RFC 6749 §2.3.1), dashes and underscores included.</summary>
public sealed class OpenIdClientTests(ClientsServer fixture) : NodeClientTests(fixture, "openid-client.mjs"), IClassFixture<ClientsServer>
{
    [Fact]
    public async Task It_signs_somebody_in_reads_userinfo_refreshes_and_introspects()
    {
        var (username, got) = await RunAsync("signIn", await WebAsync());
        Assert.Equal("True", Text(got, "supportsPkce"));
        Assert.Equal((username, $"{username}@example.test", "1"), (Text(got, "claims", "preferred_username"), Text(got, "claims", "email"), Text(got, "claims", "acr")));
        Assert.Equal((username, Text(got, "claims", "sub")), (Text(got, "userInfo", "preferred_username"), Text(got, "userInfo", "sub")));
        Assert.Equal(("bearer", "openid profile email offline_access"), (Text(got, "tokenType"), Text(got, "scope")));
        AssertAnHour(got);
        Assert.Equal(("True", "True"), (Text(got, "sameSubject"), Text(got, "newToken")));
        Assert.Equal(("True", username), (Text(got, "introspected", "active"), Text(got, "introspected", "username")));
        // RFC 9207: the library looks at iss because discovery promises it.
        Assert.Equal(("OAUTH_INVALID_RESPONSE", "OAUTH_INVALID_RESPONSE"), (Text(got, "foreignIssuer", "code"), Text(got, "noIssuer", "code")));
        Assert.Equal(("invalid_grant", "400"), (Text(got, "again", "error"), Text(got, "again", "status")));
    }

    [Fact]
    public async Task It_pushes_its_requests()
    {
        var (username, got) = await RunAsync("pushed", await WebAsync());
        Assert.Equal(["client_id", "request_uri"], got.GetProperty("parameters").EnumerateObject().Select(parameter => parameter.Name).Order());
        Assert.Equal(username, Text(got, "name"));
    }

    [Fact]
    public async Task It_revokes_and_signs_out()
    {
        var (_, got) = await RunAsync("revokeAndSignOut", await WebAsync());
        Assert.Equal("invalid_grant", Text(got, "refresh", "error"));
        Assert.Equal(("401", "bearer", "invalid_token"), (Text(got, "userInfo", "status"), Text(got, "userInfo", "challenge", "scheme"), Text(got, "userInfo", "challenge", "parameters", "error")));
        Assert.Equal("https://app.example.test/signed-out?state=bye", Text(got, "signedOut"));
    }

    [Fact]
    public async Task It_reports_each_refusal_as_what_it_is()
    {
        var (_, got) = await RunAsync("refusals", await WebAsync());
        Assert.Equal(("OAUTH_AUTHORIZATION_RESPONSE_ERROR", "access_denied"), (Text(got, "denied", "code"), Text(got, "denied", "error")));
        Assert.Equal(("OAUTH_RESPONSE_BODY_ERROR", "invalid_grant"), (Text(got, "wrongCode", "code"), Text(got, "wrongCode", "error")));
        Assert.Equal("invalid_grant", Text(got, "wrongVerifier", "error"));
        Assert.Equal("OAUTH_INVALID_RESPONSE", Text(got, "wrongState", "code"));
        foreach (var authentication in new[] { "wrongSecretBasic", "wrongSecretPost" })
            Assert.Equal(("401", "invalid_client"), (Text(got, authentication, "status"), Text(got, authentication, "challenge", "parameters", "error")));
        Assert.Equal("invalid_scope", Text(got, "unknownScope", "error"));
    }

    [Fact]
    public async Task It_proves_itself_with_a_key_and_takes_ES256()
    {
        var (username, got) = await RunAsync("privateKey");
        Assert.Equal(("ES256", "ES256", username), (Text(got, "algorithm"), Text(got, "refreshedAlgorithm"), Text(got, "name")));
        Assert.Equal(("401", "invalid_client"), (Text(got, "stranger", "status"), Text(got, "stranger", "challenge", "parameters", "error")));
    }

    [Fact]
    public async Task It_signs_a_device_in()
    {
        var (username, got) = await RunAsync("device", await NativeAsync());
        Assert.Equal((username, "bearer"), (Text(got, "name"), Text(got, "refreshed")));
        AssertAnHour(got);
        Assert.Equal("access_denied", Text(got, "denied", "error"));
    }

    [Fact]
    public async Task A_service_gets_tokens_of_its_own_and_exchanges_an_API_key()
    {
        var application = await WebAsync();
        var (owner, key) = await NewKeyAsync();
        var (_, got) = await RunAsync("service", application, key);
        Assert.Equal((application.Id, application.Id), (Text(got, "own", "sub"), Text(got, "own", "client_id")));
        Assert.Equal((ClientsServer.Resource, "urn:ietf:params:oauth:token-type:access_token"), (Text(got, "exchanged", "aud"), Text(got, "type")));
        Assert.Equal(("True", owner), (Text(got, "introspected", "active"), Text(got, "introspected", "username")));
        Assert.Equal(("bearer", "invalid_grant"), (Text(got, "posted"), Text(got, "unknownSubject", "error")));
    }
}
