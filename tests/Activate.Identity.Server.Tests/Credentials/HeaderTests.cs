using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Testing;
using static Activate.Identity.Server.Tests.ApiKeys.ApiCalls;

namespace Activate.Identity.Server.Tests.Credentials;

/// <summary>Where a credential may stand in a request, and where it must not.</summary>
public class HeaderTests(ClockedServer fixture) : IClassFixture<ClockedServer>
{
    private const string Me = "/api/v1/me";
    private readonly TestServer _server = fixture.Server;

    [Fact]
    [Trait("Case", "B10")]
    public async Task The_scheme_is_read_without_case_and_spaces_around_the_credential_do_not_matter()
    {
        var (_, session) = await _server.AddPersonAsync();
        var key = (await _server.CreateApiKeyAsync(session, "a")).Key;
        var basic = TestServer.Basic(key).Parameter;
        foreach (var value in (string[])[$"Bearer {key}", $"bearer {key}", $"BEARER {key}", $"bEaReR {key}", $"Bearer  {key}", $"Bearer {key}  ", $"Basic {basic}", $"basic {basic}", $"BASIC  {basic}", $"Bearer {session}"])
            Assert.True((await _server.RawAsync($"GET {Me}", [$"Authorization: {value}"])).Status == 200, value);
        Assert.Equal(200, (await _server.RawAsync($"GET {Me}", [$"authorization:Bearer {key}"])).Status);
    }

    [Fact]
    [Trait("Case", "B10")]
    [Trait("Case", "K9")]
    public async Task Anything_else_is_401_with_a_challenge_for_Bearer_only()
    {
        var (_, session) = await _server.AddPersonAsync();
        var key = (await _server.CreateApiKeyAsync(session, "a")).Key;
        foreach (var value in (string[])
                 ["", "Bearer", "Bearer ", key, $"Token {key}", $"ApiKey {key}", $"Digest {key}", $"Negotiate {key}", $"Bearer\t{key}", $"Bearer{key}", $"Bearer \"{key}\"", $"Bearer {key}\0", $"Bearer {key}=", "Basic", "Basic ",
                  "Basic !!!", $"Basic {key}", $"Basic {TestServer.Basic("user", key).Parameter}", $"Basic {TestServer.Basic(key, key).Parameter}", $"Basic {TestServer.Basic(key, "x").Parameter}", $"Basic {TestServer.Basic("", key).Parameter}",
                  $"Basic {Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(key))}", $"Basic {TestServer.Basic(session).Parameter}", $"Basic {new string('A', 4000)}", "Bearer é", "Bearer \ud83d\ude00", $"Bearer {new string('a', 20_000)}",
                  $"Bearer ey{new string('a', 8000)}", "Bearer ey.ey.ey", "Bearer eyJhbGciOiJub25lIn0.e30.", "Bearer pwt_", "Bearer pwt_.", $"Bearer pwt_{new string('a', 600)}"])
        {
            var answer = await _server.RawAsync($"GET {Me}", [$"Authorization: {value}"]);
            // Kestrel itself refuses a header with NUL.
            Assert.True(answer.Status == 401 || (value.Contains('\0', StringComparison.Ordinal) && answer.Status == 400), $"{value}: {answer}");
            if (answer.Status == 401)
            {
                Assert.Contains("\r\nWWW-Authenticate: Bearer", answer.Head, StringComparison.Ordinal);
                Assert.DoesNotContain("Basic", answer.Head, StringComparison.Ordinal);
                Assert.Contains("\"code\":\"", answer.Body, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    [Trait("Case", "K9")]
    [Trait("Case", "B10")]
    public async Task Two_credentials_in_one_request_are_refused()
    {
        var (_, session) = await _server.AddPersonAsync();
        var key = (await _server.CreateApiKeyAsync(session, "a")).Key;
        (string Path, string[] Headers)[] requests =
        [
            (Me, [$"Authorization: Bearer {key}", $"Authorization: Bearer {key}"]),
            (Me, [$"Authorization: Bearer {key}", $"Authorization: Bearer {session}"]),
            (Me, [$"Authorization: Bearer {key}", $"Authorization: Basic {TestServer.Basic(key).Parameter}"]),
            (Me, [$"Authorization: Bearer {key}, Bearer {session}"]),
            (Me, [$"Authorization: Bearer {key} {session}"]),
            ($"{Me}?access_token={key}", [$"Authorization: Bearer {key}"]),
            ($"{Me}?a=b&access_token=", [$"Authorization: Bearer {key}"]),
            ($"{Me}?access%5Ftoken={key}", [$"Authorization: Bearer {key}"]),
            ($"{Me}?Access_Token={key}", [$"Authorization: Bearer {key}"]),
        ];
        foreach (var (path, headers) in requests)
        {
            var answer = await _server.RawAsync($"GET {path}", headers);
            Assert.True(answer.Status == 400 && answer.Body.Contains("\"two_credentials\"", StringComparison.Ordinal), $"{path} {answer}");
        }
    }

    [Fact]
    [Trait("Case", "K9")]
    [Trait("Case", "W1")]
    public async Task A_credential_in_the_query_a_cookie_or_another_header_counts_for_nothing()
    {
        var (_, session) = await _server.AddPersonAsync();
        var key = (await _server.CreateApiKeyAsync(session, "a")).Key;
        using var browser = await _server.SignInAsync();
        var cookies = browser.Cookies.GetCookieHeader(_server.Origin);
        (string Path, string[] Headers)[] requests =
        [
            ($"{Me}?access_token={key}", []), ($"{Me}?api_key={key}", []), ($"{Me}?key={key}", []), ($"{Me}?token={session}", []),
            (Me, [$"X-API-Key: {key}"]), (Me, [$"Proxy-Authorization: Bearer {key}"]), (Me, [$"Cookie: token={key}"]), (Me, [$"Cookie: {cookies}"]),
        ];
        foreach (var (path, headers) in requests)
        {
            var answer = await _server.RawAsync($"GET {path}", headers);
            Assert.True(answer.Status == 401 && answer.Body.Contains("\"credential_required\"", StringComparison.Ordinal), $"{path} {answer}");
        }

        // Nor does a browser that is signed in change anything.
        var post = await _server.RawAsync($"POST {KeysPath}", [$"Cookie: {cookies}", "Content-Type: application/json"], """{"name":"x"}""");
        Assert.Equal(401, post.Status);
        post = await _server.RawAsync($"POST {KeysPath}", [$"Cookie: {cookies}", "Content-Type: text/plain"], """{"name":"x"}""");
        Assert.InRange(post.Status, 401, 415);
        // A method in a header is no method.
        var id = (await _server.CreateApiKeyAsync(session, "b")).Id;
        var overridden = await _server.RawAsync($"GET {KeysPath}/{id}?_method=DELETE", [$"Authorization: Bearer {session}", "X-HTTP-Method-Override: DELETE", "X-HTTP-Method: DELETE", "X-Method-Override: DELETE"]);
        Assert.Equal(200, overridden.Status);
        Assert.Equal(200, (await _server.GetAsync($"{KeysPath}/{id}", session)).Status);
    }

    [Fact]
    [Trait("Case", "T10")]
    [Trait("Case", "J2")]
    public async Task A_token_that_was_changed_in_any_place_is_refused()
    {
        var (user, session) = await _server.AddPersonAsync();
        Assert.Equal(200, (await _server.GetAsync(Me, session)).Status);
        var dots = session.Split('.');
        for (var i = 2; i < session.Length - 1; i += 7)
        {
            if (session[i] == '.')
                continue;
            (await _server.GetAsync(Me, session[..i] + (session[i] == 'A' ? 'B' : 'A') + session[(i + 1)..])).AssertProblem(401, "invalid_credential");
        }

        foreach (var forged in (string[])[$"{dots[0]}.{dots[1]}.", $"{dots[0]}.{dots[1]}", dots[1], $"{dots[0]}..{dots[2]}", $"{dots[0]}.{dots[1]}.{dots[2]}.{dots[2]}", session + "A", session[..^5],
                 await _server.GrantAsync(user.Id) + "."])
            (await _server.GetAsync(Me, forged)).AssertProblem(401, "invalid_credential");
    }

    [Fact]
    public async Task The_address_for_existing_scripts_answers_like_me()
    {
        var (_, session) = await _server.AddPersonAsync();
        var key = (await _server.CreateApiKeyAsync(session, "a")).Key;
        foreach (var credential in (string[])[session, key])
            Assert.Equal((await _server.GetAsync(Me, credential)).Body, (await _server.GetAsync("/api/auth/session", credential)).Body);
        (await _server.GetAsync("/api/auth/session", null)).AssertProblem(401, "credential_required");
    }
}
