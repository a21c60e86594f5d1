using System.Net.Http;
using System.Text;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Testing;
using static Activate.Identity.Server.Tests.ApiKeys.ApiCalls;

namespace Activate.Identity.Server.Tests.ApiKeys;

/// <summary>Bad input of the three endpoints that make or change a credential: refused with a stable code, beside its field, and nothing is made.</summary>
public class ApiKeyBadInputTests(ClockedServer fixture) : IClassFixture<ClockedServer>
{
    private const string Tokens = "/api/v1/tokens";
    private readonly TestServer _server = fixture.Server;

    private static readonly string[] s_notWholeNumbers =
        ["1.5", "1.0", "1e1", "1e12", "1e400", "-1e400", "2147483648", "-2147483649", "9223372036854775808", "\"24\"", "\"1h\"", "\"\"", "true", "false", "[]", "[7]", "{}", "{\"days\":7}"];

    public static TheoryData<string, string, string> WrongLifetimes
    {
        get
        {
            var data = new TheoryData<string, string, string>();
            foreach (var value in s_notWholeNumbers.Concat(["0", "-1", "-2147483648", "36501", "2147483647"]))
                data.Add(KeysPath, "expiresInDays", value);
            foreach (var value in s_notWholeNumbers.Concat(["0", "-1", "-2147483648", "null", "2147483647"]))
                data.Add(Tokens, "expiresInHours", value);
            return data;
        }
    }

    [Theory]
    [Trait("Case", "K8")]
    [Trait("Case", "B5")]
    [MemberData(nameof(WrongLifetimes))]
    public Task A_lifetime_that_is_no_sensible_whole_number_is_refused(string path, string field, string value) =>
        RefusedAsync(HttpMethod.Post, path, $$"""{"name":"x","{{field}}":{{value}}}""", field);

    public static TheoryData<string> WrongNames => new(
        "null", "1", "true", "[]", "[\"x\"]", "{}", "\"\"", "\"  \"", "\"\\u0000\"", "\"a\\u0000b\"", "\"a\\nb\"", "\"a\\rb\"", "\"a\\tb\"", "\"\\u001b[31m\"", "\"\\u007f\"", "\"\\u009b31m\"", "\"\\u2028\"",
        "\"a\\u200bb\"", "\"a\\u202eb\"", "\"\\ufeffa\"", "\"\\ud800\"", "\"\\udc00\"", "\"a\\ud800b\"", "\"\\ud800\\ud800\"", "\"\\ue000\"", "\"\\uffff\"", "\"\\ufffd\"", "\"\\u3164\"",
        $"\"{new string('a', 65)}\"", $"\"{new string('a', 100_000)}\"", $"\"{string.Concat(Enumerable.Repeat("\U0001F600", 65))}\"", $"\"a{string.Concat(Enumerable.Repeat("\u0301", 200))}\"",
        $"\"{string.Concat(Enumerable.Repeat("\ufdfa", 64))}\"");

    [Theory]
    [Trait("Case", "B4")]
    [MemberData(nameof(WrongNames))]
    public async Task A_name_that_is_empty_over_long_or_unprintable_is_refused(string name)
    {
        await RefusedAsync(HttpMethod.Post, KeysPath, $$"""{"name":{{name}}}""", "name");
        if (name != "null")
            await RefusedAsync(HttpMethod.Post, Tokens, $$"""{"name":{{name}}}""", "name");
        await RefusedAsync(HttpMethod.Patch, KeysPath + "/KEY", $$"""{"name":{{name}}}""", "name");
    }

    public static TheoryData<string> WrongScopes => new(
        "\"platform\"", "1", "true", "{}", "[1]", "[null]", "[true]", "[[]]", "[{}]", "[\"\"]", "[\" \"]", "[\"platform \"]", "[\"Platform\"]", "[\"platform credentials:read\"]", "[\"*\"]", "[\"admin\"]",
        "[\"openid\"]", "[\"offline_access\"]", "[\"authorized-keys:read\"]", "[\"platform\",\"unknown\"]", "[\"\\ud800\"]", "[\"a\\u0000\"]", "[\"platform\\n\"]", "[\"рlatform\"]", $"[\"{new string('a', 100_000)}\"]");

    [Theory]
    [MemberData(nameof(WrongScopes))]
    public async Task Scopes_that_are_no_list_of_known_scopes_are_refused(string scopes)
    {
        await RefusedAsync(HttpMethod.Post, KeysPath, $$"""{"name":"x","scopes":{{scopes}}}""", "scopes");
        await RefusedAsync(HttpMethod.Post, Tokens, $$"""{"name":"x","scopes":{{scopes}}}""", "scopes");
    }

    public static TheoryData<string, string?> WrongBodies => new()
    {
        { "", null }, { " ", null }, { "null", null }, { "1", null }, { "\"x\"", null }, { "[]", null }, { "[{\"name\":\"x\"}]", null }, { "true", null },
        { "{", null }, { "{\"name\":\"x\"", null }, { "{\"name\":\"x\"}}", null }, { "{\"name\":\"x\"}{\"name\":\"y\"}", null }, { "{\"name\":\"x\",}", null }, { "{'name':'x'}", null },
        { "{\"name\":\"x\"} // comment", null }, { "{\"name\":\"x\",\"name\":\"y\"}", "name" }, { "{\"name\":\"x\",\"NAME\":\"y\"}", null }, { "{\"name\":\"x\",\"expiresInDays\":1,\"expiresInDays\":2}", "expiresInDays" },
        { "{\"name\":\"x\",\"expiresInHours\":1,\"expiresInHours\":2}", "expiresInHours" },
        { "{\"name\":\"x\",\"unknown\":1}", "unknown" }, { "{\"name\":\"x\",\"\":1}", null }, { "{\"name\":\"x\",\"__proto__\":{}}", "__proto__" }, { "{\"name\":\"x\",\"a\\u0000b\":1}", null }, { "{\"name\":\"x\",\"\\ud800\":1}", null },
        { "{\"name\":\"x\",\"<script>\":1}", null }, { "{\"name\":\"x\",\"$type\":\"System.IO.FileInfo\"}", null }, { "{\"name\":\"x\",\"$ref\":\"1\"}", null }, { "{\"name\":\"x\",\"userId\":\"1\"}", "userId" },
        { "\ufeff", null }, { "\u0000", null }, { "name=x", null }, { "<name>x</name>", null },
    };

    [Theory]
    [Trait("Case", "B1")]
    [MemberData(nameof(WrongBodies))]
    public async Task A_body_that_is_not_the_one_JSON_object_is_refused(string body, string? field)
    {
        await RefusedAsync(HttpMethod.Post, KeysPath, body, field is "expiresInHours" or "NAME" ? null : field);
        await RefusedAsync(HttpMethod.Post, Tokens, body, field is "expiresInDays" or "NAME" ? null : field);
        await RefusedAsync(HttpMethod.Patch, KeysPath + "/KEY", body, field is "name" or "unknown" ? field : null);
        if (body.Length > 0 && body != "null")
            await RefusedAsync(HttpMethod.Post, KeysPath + "/KEY/rotate", body, null);
    }

    [Fact]
    [Trait("Case", "B2")]
    public async Task Deep_and_endless_JSON_is_refused_quickly()
    {
        var watch = System.Diagnostics.Stopwatch.StartNew();
        foreach (var path in (string[])[KeysPath, Tokens])
        {
            await RefusedAsync(HttpMethod.Post, path, string.Concat(Enumerable.Repeat("[", 10_000)), null);
            await RefusedAsync(HttpMethod.Post, path, string.Concat(Enumerable.Repeat("{\"name\":", 10_000)), null);
            await RefusedAsync(HttpMethod.Post, path, "{\"name\":\"x\",\"scopes\":" + string.Concat(Enumerable.Repeat("[", 10_000)) + string.Concat(Enumerable.Repeat("]", 10_000)) + "}", "scopes");
            await RefusedAsync(HttpMethod.Post, path, "{\"name\":\"x\",\"scopes\":[" + string.Join(',', Enumerable.Repeat("\"a\"", 50_000)) + "]}", "scopes");
            await RefusedAsync(HttpMethod.Post, path, "{\"name\":\"x\",\"expiresInDays\":" + new string('9', 200_000) + "}", null);
        }

        Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(10));
    }

    [Theory]
    [Trait("Case", "B2")]
    [InlineData(300_000)]
    [InlineData(10_000_000)]
    public async Task A_body_beyond_the_limit_is_answered_413(int size)
    {
        var (_, session) = await _server.AddPersonAsync();
        foreach (var body in (string[])["{\"name\":\"" + new string('a', size) + "\"}", "{\"name\":\"x\",\"scopes\":[" + string.Join(',', Enumerable.Repeat("\"a\"", size / 4)) + "]}"])
        {
            // With a length, and in chunks without one (only where the client gets to read the answer before the connection is closed on it).
            foreach (var chunked in size < 1_000_000 ? (bool[])[false, true] : [false])
            {
                using var request = new HttpRequestMessage(HttpMethod.Post, KeysPath) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
                request.Headers.Authorization = new("Bearer", session);
                request.Headers.TransferEncodingChunked = chunked;
                using var client = _server.Client();
                (await Answer.FromAsync(await client.SendAsync(request))).AssertProblem(413, "request_too_large");
            }
        }

        Assert.Equal(0, (await _server.GetAsync(KeysPath, session)).Items());
    }

    [Theory]
    [Trait("Case", "B6")]
    [Trait("Case", "W1")]
    [InlineData("text/plain")]
    [InlineData("application/x-www-form-urlencoded")]
    [InlineData("multipart/form-data; boundary=x")]
    [InlineData("application/xml")]
    [InlineData("application/octet-stream")]
    public async Task A_body_that_a_foreign_page_could_make_a_browser_send_is_refused(string contentType)
    {
        var (_, session) = await _server.AddPersonAsync();
        foreach (var path in (string[])[KeysPath, Tokens])
        {
            var content = new StringContent("{\"name\":\"x\"}");
            content.Headers.ContentType = System.Net.Http.Headers.MediaTypeHeaderValue.Parse(contentType);
            (await _server.ApiAsync(HttpMethod.Post, path, new("Bearer", session), content)).AssertProblem(415, "request_invalid");
        }

        await NothingMadeAsync(session, 0);
    }

    [Theory]
    [Trait("Case", "B4")]
    [InlineData("nächtlich")]
    [InlineData("\U0001F600\U0001F468\u200d\U0001F469")]
    [InlineData("İstanbul ß ŉ")]
    [InlineData("<svg onload=alert(1)>")]
    [InlineData("'; DROP TABLE ApiKeys; --")]
    [InlineData("%_\\")]
    [InlineData("{{7*7}} ${7*7}")]
    public async Task Any_printable_name_comes_back_as_it_was(string name)
    {
        var (_, session) = await _server.AddPersonAsync();
        var answer = await _server.PostAsync(KeysPath, session, new { name });
        Assert.Equal(201, answer.Status);
        Assert.Equal(name, (await _server.GetAsync($"{KeysPath}/{answer.Text("id")}", session)).Text("name"));
    }

    [Fact]
    [Trait("Case", "B5")]
    public async Task Ids_that_are_no_ids_are_not_found()
    {
        var (_, session) = await _server.AddPersonAsync();
        foreach (var id in (string[])["0", "x", "-1", "%00", "%0a", "..%2f..", "null", "'%20OR%201=1", "01993c3e-0000-7000-8000-00000000000g", new string('a', 5000), "%ED%A0%80", "%FF", "%C0%AE"])
        {
            var answer = await _server.RawAsync($"GET {KeysPath}/{id}", [$"Authorization: Bearer {session}"]);
            Assert.True(answer.Status is 404 or 400, $"{id}: {answer}");
        }
    }

    private async Task RefusedAsync(HttpMethod method, string path, string body, string? field)
    {
        var (_, session) = await _server.AddPersonAsync(Role.Admin);
        var made = 0;
        if (path.Contains("KEY", StringComparison.Ordinal))
        {
            path = path.Replace("KEY", (await _server.CreateApiKeyAsync(session, "before")).Id, StringComparison.Ordinal);
            made = 1;
        }

        var answer = await _server.SendTextAsync(method, path, session, body);
        answer.AssertProblem(400, field: field);
        await NothingMadeAsync(session, made);
    }

    private async Task NothingMadeAsync(string session, int made)
    {
        var keys = await _server.GetAsync(KeysPath, session);
        Assert.Equal(made, keys.Items());
        if (made == 1)
            Assert.Equal("before", keys.Json.GetProperty("items")[0].GetProperty("name").GetString());
        Assert.Equal(0, (await _server.GetAsync(Tokens, session)).Items());
    }
}
