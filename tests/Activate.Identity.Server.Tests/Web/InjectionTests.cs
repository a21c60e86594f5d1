using System.Net.Http;
using System.Text.Json;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Server.Tests.Connect;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Tests.Web;

/// <summary>What is typed is text, for the database too: every parameter of every operation of the API document, filters, names, forms.</summary>
[Trait("Case", "C8")]
public sealed class InjectionTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private readonly TestServer _server = shared.Server;

    /// <summary>What would change a query that was put together from text, on any of the three databases.</summary>
    private static readonly string[] s_tails =
    [
        "' OR '1'='1", "' OR 1=1 --", "\" OR \"\"=\"", "') OR ('1'='1", "'; DROP TABLE \"Users\"; --", "' UNION SELECT \"PasswordHash\" FROM \"Users\" --", "%", "_%", "[a-z]%", "\\%", "' || '", "'+'", "\u02bc OR 1=1", "*", "';WAITFOR DELAY '0:0:9' --",
    ];

    [Fact]
    public async Task No_parameter_of_the_API_changes_what_is_asked()
    {
        var (owner, _) = await _server.AddPersonAsync(Role.Owner);
        var session = await _server.GrantAsync(owner.Id, "platform credentials:read credentials:write organization:read organization:write audit:read");
        await _server.CreateApiKeyAsync(session, "a key", new { name = "a key" });
        var users = await _server.QueryAsync(database => database.Users.CountAsync());
        var document = (await _server.GetAsync("/openapi/v1.json", null)).Json;
        var tried = 0;
        foreach (var path in document.GetProperty("paths").EnumerateObject().Where(path => path.Name.StartsWith("/api/", StringComparison.Ordinal)))
        {
            foreach (var operation in path.Value.EnumerateObject().Where(operation => operation.Name is "get" or "delete"))
            {
                var method = new HttpMethod(operation.Name.ToUpperInvariant());
                var parameters = operation.Value.TryGetProperty("parameters", out var listed) ? listed.EnumerateArray().ToList() : [];
                foreach (var parameter in parameters)
                {
                    var (name, inPath) = (parameter.GetProperty("name").GetString()!, parameter.GetProperty("in").GetString() == "path");
                    var plain = await CallAsync(method, path.Name, name, inPath, "zzz-nobody", session);
                    foreach (var tail in s_tails)
                    {
                        var answer = await CallAsync(method, path.Name, name, inPath, $"zzz-nobody{tail}", session);
                        tried++;
                        // Refused for its form, or the same as for the other name of nothing.
                        Assert.True(answer.Status is 400 or 403 or 404 || (answer.Status == plain.Status && Items(answer) == Items(plain)), $"{method} {path.Name} {name}={tail}: {answer} and not {plain}");
                    }
                }
            }
        }

        Assert.True(tried > 500, $"Only {tried}: the document is not what it was.");
        Assert.Equal(users, await _server.QueryAsync(database => database.Users.CountAsync()));
    }

    [Fact]
    public async Task Names_are_kept_as_they_are_and_found_by_every_letter_of_them()
    {
        var (owner, session) = await _server.AddPersonAsync(Role.Owner);
        foreach (var name in (string[])["100% of _all_ [a-z]", "x'); DROP TABLE \"ApiKeys\"; --", "back\\slash", "plain"])
            Assert.Equal(name, (await _server.GetAsync($"{ApiCalls.KeysPath}/{(await _server.CreateApiKeyAsync(session, name, new { name })).Id}", session)).Text("name"));
        Assert.Equal(4, (await _server.GetAsync(ApiCalls.KeysPath, session)).Items());

        // A member whose name has what LIKE would read as a wildcard is found by it, and nobody else is.
        await _server.QueryAsync(database => database.Users.Where(user => user.Id == owner.Id).ExecuteUpdateAsync(set => set.SetProperty(user => user.DisplayName, "Ada 50%_[x]\\")));
        foreach (var (search, found) in new Dictionary<string, int> { ["50%_["] = 1, ["%_[x]\\"] = 1, ["5_%"] = 0, ["Ada%x"] = 0, ["[x]"] = 1, ["' OR '1'='1"] = 0 })
        {
            var members = await _server.GetAsync($"/api/v1/organization/members?search={Uri.EscapeDataString(search)}", session);
            Assert.True(members.Items() == found, $"{search}: {members}");
        }
    }

    [Theory]
    [InlineData("/sign-in", "Sign in")]
    [InlineData("/forgot-password", "Mail me a link")]
    public async Task Nobody_gets_in_by_what_they_type(string page, string button)
    {
        foreach (var tail in s_tails)
        {
            using var browser = _server.Browser();
            await browser.GoAsync(page);
            var fields = browser.Page.QuerySelectorAll("form input:not([type=hidden])").Select(input => input.GetAttribute("name")!).ToList();
            Assert.NotEmpty(fields);
            await browser.SendAsync(browser.FormRequest(button, [.. fields.Select(field => (field, $"ada{tail}"))]));
            Assert.True((int)browser.Response.StatusCode < 500, $"{page} {tail}: {browser.Response.StatusCode}");
            Assert.Null(browser.Cookies.GetCookies(_server.Origin)["activate"]);
        }
    }

    private Task<Answer> CallAsync(HttpMethod method, string path, string parameter, bool inPath, string value, string session)
    {
        var escaped = Uri.EscapeDataString(value);
        var target = inPath ? path.Replace($"{{{parameter}}}", escaped, StringComparison.Ordinal) : $"{path}?{parameter}={escaped}";
        // What else the path names is not there either.
        while (target.IndexOf('{', StringComparison.Ordinal) is var start and >= 0)
            target = $"{target[..start]}{Guid.CreateVersion7()}{target[(target.IndexOf('}', start) + 1)..]}";
        return _server.ApiAsync(method, target, session);
    }

    private static int? Items(Answer answer) =>
        answer.Status == 200 && answer.Json.ValueKind == JsonValueKind.Object && answer.Json.TryGetProperty("items", out var items) ? items.GetArrayLength() : null;
}
