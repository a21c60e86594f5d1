namespace Activate.Identity.EndToEnd.Tests.Clients;

/// <summary>npm <c>oauth4webapi</c>, which openid-client stands on, called step by step: it checks content types, each member of an answer, and access tokens.</summary>
public sealed class Oauth4WebApiTests(ClientsServer fixture) : NodeClientTests(fixture, "oauth4webapi.mjs"), IClassFixture<ClientsServer>
{
    [Fact]
    public async Task It_signs_somebody_in_refreshes_validates_an_access_token_introspects_and_revokes()
    {
        var (username, got) = await RunAsync("signIn", await WebAsync());
        Assert.Equal("True", Text(got, "sameMetadata"));
        Assert.Equal((username, username, Text(got, "claims", "sub")), (Text(got, "claims", "preferred_username"), Text(got, "userInfo", "preferred_username"), Text(got, "userInfo", "sub")));
        Assert.Equal(("bearer", "openid profile email offline_access"), (Text(got, "tokenType"), Text(got, "scope")));
        AssertAnHour(got);
        Assert.Equal("OAUTH_INVALID_RESPONSE", Text(got, "foreignIssuer", "code"));
        Assert.Equal((Text(got, "claims", "sub"), "openid profile email offline_access"), (Text(got, "access", "sub"), Text(got, "access", "scope")));
        Assert.Equal(("True", username), (Text(got, "introspected", "active"), Text(got, "introspected", "username")));
        Assert.Equal("invalid_grant", Text(got, "revoked", "error"));
    }

    [Fact]
    public async Task It_pushes_its_request_and_signs_out()
    {
        var (username, got) = await RunAsync("pushedAndSignOut", await WebAsync());
        Assert.Equal((username, "https://app.example.test/signed-out?state=bye"), (Text(got, "name"), Text(got, "signedOut")));
    }

    [Fact]
    public async Task It_reports_each_refusal_as_what_it_is()
    {
        var (_, got) = await RunAsync("refusals", await WebAsync());
        Assert.Equal(("OAUTH_AUTHORIZATION_RESPONSE_ERROR", "access_denied"), (Text(got, "denied", "code"), Text(got, "denied", "error")));
        Assert.Equal("invalid_grant", Text(got, "wrongCode", "error"));
        Assert.Equal(("401", "invalid_client"), (Text(got, "wrongSecret", "status"), Text(got, "wrongSecret", "challenge", "parameters", "error")));
    }

    [Fact]
    public async Task It_proves_itself_with_a_key_and_takes_ES256()
    {
        var (username, got) = await RunAsync("privateKey");
        Assert.Equal(("ES256", username), (Text(got, "algorithm"), Text(got, "name")));
    }

    [Fact]
    public async Task It_signs_a_device_in()
    {
        var (username, got) = await RunAsync("device", await NativeAsync());
        Assert.Equal(("5", "authorization_pending"), (Text(got, "interval"), Text(got, "pending", "error")));
        Assert.Equal((username, "bearer"), (Text(got, "name"), Text(got, "refreshed")));
    }

    [Fact]
    public async Task A_service_gets_a_token_of_its_own_and_exchanges_an_API_key()
    {
        var application = await WebAsync();
        var (_, key) = await NewKeyAsync();
        var (_, got) = await RunAsync("service", application, key);
        Assert.Equal((application.Id, ClientsServer.Resource), (Text(got, "own", "sub"), Text(got, "exchanged", "aud")));
    }
}
