using Activate.Identity.Testing;

namespace Activate.Identity.Server.Tests.Connect;

/// <summary>Applications in browsers read from other origins; AuthorizationRequestTests and ApiErrorTests show what stays closed.</summary>
public class CrossOriginTests(SharedServer fixture) : IClassFixture<SharedServer>
{
    [Theory, Trait("Case", "J9")]
    [InlineData("GET", "/.well-known/openid-configuration", 200)]
    [InlineData("GET", "/.well-known/oauth-authorization-server", 200)]
    [InlineData("GET", "/.well-known/jwks", 200)]
    [InlineData("POST", "/connect/token", 400)]
    [InlineData("POST", "/connect/par", 400)]
    [InlineData("POST", "/connect/revoke", 400)]
    [InlineData("GET", "/connect/userinfo", 401)]
    [InlineData("OPTIONS", "/connect/token", 204)]
    [InlineData("OPTIONS", "/connect/userinfo", 204)]
    [InlineData("OPTIONS", "/.well-known/openid-configuration", 204)]
    public async Task Pages_of_any_origin_read_what_is_answered_to_no_cookie_also_when_it_is_a_refusal(string method, string path, int status)
    {
        foreach (var origin in new[] { "https://app.example.test", null })
        {
            using var client = fixture.Server.Client();
            using var request = new HttpRequestMessage(new HttpMethod(method), path) { Content = method == "POST" ? new FormUrlEncodedContent([]) : null };
            if (origin is not null)
                request.Headers.Add("Origin", origin);
            if (method == "OPTIONS")
                request.Headers.Add("Access-Control-Request-Method", "POST");
            var answer = await Answer.FromAsync(await client.SendAsync(request));
            Assert.Equal((status, "*", null), (answer.Status, answer.Header("Access-Control-Allow-Origin"), answer.Header("Access-Control-Allow-Credentials")));
            if (method == "OPTIONS")
                Assert.Equal(("GET, POST", "Authorization, Content-Type"), (answer.Header("Access-Control-Allow-Methods"), answer.Header("Access-Control-Allow-Headers")));
        }
    }
}
