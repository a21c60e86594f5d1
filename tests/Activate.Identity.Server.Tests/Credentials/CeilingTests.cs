using System.Text.Json;
using Activate.Identity.Data;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Server.Web;
using Activate.Identity.Testing;
using static Activate.Identity.Server.Tests.ApiKeys.ApiCalls;

namespace Activate.Identity.Server.Tests.Credentials;

/// <summary>The server's ceiling over every organization, and what users may choose under it.</summary>
public class CeilingTests
{
    [Fact]
    public async Task Without_a_ceiling_the_menus_are_those_of_the_contract()
    {
        await using var server = await TestServer.StartAsync();
        var (_, session) = await server.AddPersonAsync();
        var choices = (await server.GetAsync("/api/v1/expiration-choices", session)).Json;
        Assert.Equal([null, 7, 30, 60, 90], Days(choices, "apiKey"));
        Assert.Equal([null, 7, 30, 60, 90], Days(choices, "sshKey"));
        Assert.Equal(["No expiration", "7 days", "30 days", "60 days", "90 days"], Labels(choices, "apiKey"));
        Assert.Equal(Enumerable.Range(1, 24), choices.GetProperty("token").GetProperty("choices").EnumerateArray().Select(choice => choice.GetProperty("hours").GetInt32()));
        Assert.Equal("1 hour", Labels(choices, "token")[0]);
        Assert.Equal((30, 24, JsonValueKind.Null),
            (choices.GetProperty("apiKey").GetProperty("defaultDays").GetInt32(), choices.GetProperty("token").GetProperty("defaultHours").GetInt32(), choices.GetProperty("sshKey").GetProperty("defaultDays").ValueKind));
    }

    [Fact]
    [Trait("Case", "O6")]
    public async Task A_maximum_between_two_choices_is_offered_itself_and_everything_beyond_it_is_refused()
    {
        await using var server = await StartAsync(("ApiKeys:MaximumDays", "45"), ("Tokens:MaximumHours", "8"), ("SshKeys:MaximumDays", "7"));
        var (_, session) = await server.AddPersonAsync();
        var choices = (await server.GetAsync("/api/v1/expiration-choices", session)).Json;
        Assert.Equal([7, 30, 45], Days(choices, "apiKey"));
        Assert.Equal([7], Days(choices, "sshKey"));
        Assert.Equal(8, choices.GetProperty("token").GetProperty("choices").GetArrayLength());
        Assert.Equal((30, 8, 7), (choices.GetProperty("apiKey").GetProperty("defaultDays").GetInt32(), choices.GetProperty("token").GetProperty("defaultHours").GetInt32(), choices.GetProperty("sshKey").GetProperty("defaultDays").GetInt32()));
        foreach (var kind in (string[])["apiKey", "token", "sshKey"])
            Assert.Contains("This server's policy", choices.GetProperty(kind).GetProperty("reason").GetString(), StringComparison.Ordinal);

        Assert.Equal(201, (await server.PostAsync(KeysPath, session, new { name = "max", expiresInDays = 45 })).Status);
        foreach (var days in (int?[])[46, 36500, null])
        {
            var refused = await server.PostAsync(KeysPath, session, new { name = "x", expiresInDays = days });
            refused.AssertProblem(403, "expiration_beyond_maximum", "expiresInDays");
            Assert.Contains("This server's policy allows at most 45 days", refused.Text("detail"), StringComparison.Ordinal);
        }

        (await server.PostAsync("/api/v1/tokens", session, new { expiresInHours = 9 })).AssertProblem(403, "expiration_beyond_maximum", "expiresInHours");
        var token = await server.PostAsync("/api/v1/tokens", session, new { });
        Assert.Equal(TimeSpan.FromHours(8), token.Json.GetProperty("expiresAt").GetDateTime() - token.Json.GetProperty("createdAt").GetDateTime());
    }

    [Fact]
    public async Task Without_a_choice_everybody_gets_the_default_and_the_menu_is_empty()
    {
        await using var server = await StartAsync(("ApiKeys:UserChoice", "false"), ("ApiKeys:MaximumDays", "10"), ("Tokens:UserChoice", "false"));
        var (_, session) = await server.AddPersonAsync();
        var choices = (await server.GetAsync("/api/v1/expiration-choices", session)).Json;
        Assert.False(choices.GetProperty("apiKey").GetProperty("userChoice").GetBoolean());
        Assert.Empty(Days(choices, "apiKey"));
        Assert.Equal(0, choices.GetProperty("token").GetProperty("choices").GetArrayLength());
        foreach (var days in (int?[])[1, 9, 11, null])
            (await server.PostAsync(KeysPath, session, new { name = "x", expiresInDays = days })).AssertProblem(403, "expiration_choice_not_permitted", "expiresInDays");
        (await server.PostAsync("/api/v1/tokens", session, new { expiresInHours = 1 })).AssertProblem(403, "expiration_choice_not_permitted", "expiresInHours");
        // Naming the default is choosing nothing.
        Assert.Equal(201, (await server.PostAsync(KeysPath, session, new { name = "ten", expiresInDays = 10 })).Status);
        Assert.Equal(201, (await server.PostAsync(KeysPath, session, new { name = "none" })).Status);
    }

    [Theory]
    [InlineData("Policy:Ceiling:ApiKeys:MaximumDays", "0", "Policy:Ceiling:ApiKeys:MaximumDays")]
    [InlineData("Policy:Ceiling:ApiKeys:MaximumDays", "-5", "Policy:Ceiling:ApiKeys:MaximumDays")]
    [InlineData("Policy:Ceiling:ApiKeys:MaximumDays", "ten", "Policy:Ceiling:ApiKeys:MaximumDays")]
    [InlineData("Policy:Ceiling:ApiKeys:MaximumDays", "1.5", "Policy:Ceiling:ApiKeys:MaximumDays")]
    [InlineData("Policy:Ceiling:ApiKeys:MaximumDay", "5", "MaximumDay")]
    [InlineData("Policy:Ceiling:ApiKeys:DefaultWeeks", "5", "DefaultWeeks")]
    [InlineData("Policy:Ceiling:Apikey:MaximumDays", "5", "Apikey")]
    [InlineData("Policy:Ceiling:Tokens:MaximumHours", "0", "Policy:Ceiling:Tokens:MaximumHours")]
    [InlineData("Policy:Ceiling:Tokens:MaximumHours", "25", "Policy:Ceiling:Tokens:MaximumHours")]
    [InlineData("Policy:Ceiling:SshKeys:UserChoice", "perhaps", "Policy:Ceiling:SshKeys:UserChoice")]
    [InlineData("Policy:Ceiling:WebSessions:MaximumHours", "0", "Policy:Ceiling:WebSessions:MaximumHours")]
    [InlineData("Policy:Ceiling:WebSessions:IdleMinutes", "-1", "Policy:Ceiling:WebSessions:IdleMinutes")]
    [InlineData("Policy:Ceiling:Applications:RefreshMaximumDays", "0", "Policy:Ceiling:Applications:RefreshMaximumDays")]
    [InlineData("Policy:Ceiling:Applications:Allowed", "some", "Policy:Ceiling:Applications:Allowed")]
    [InlineData("Database:Provider", "Oracle", "Database:Provider")]
    [InlineData("Database:Provider", "PostgreSql", "Database:ConnectionString")]
    [InlineData("Server:TrustedProxies:0", "proxy.example", "Server:TrustedProxies")]
    [InlineData("Server:PublicOrigin", "https://id.example.org/path", "Server:PublicOrigin")]
    [InlineData("Server:PublicOrigin", "id.example.org", "Server:PublicOrigin")]
    [InlineData("Server:PublicOrigin", "https://user@id.example.org", "Server:PublicOrigin")]
    [InlineData("Server:PublicOrigin", "https://0.0.0.0", "Server:PublicOrigin")]
    [InlineData("RateLimits:Enabled", "perhaps", "RateLimits:Enabled")]
    public async Task A_setting_that_means_nothing_stops_the_start_and_the_message_names_it(string key, string value, string named)
    {
        var refusal = await Assert.ThrowsAsync<StartupException>(async () =>
        {
            await using var server = await TestServer.StartAsync(new TestServerOptions { Database = DatabaseProvider.Sqlite, Owner = false, Settings = new Dictionary<string, string?> { [key] = value } });
        });
        Assert.Contains(named, refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("Activate.Identity.", refusal.Message, StringComparison.Ordinal);
    }

    private static Task<TestServer> StartAsync(params (string Key, string Value)[] ceiling) => TestServer.StartAsync(new TestServerOptions
    {
        Settings = ceiling.ToDictionary(setting => $"Policy:Ceiling:{setting.Key}", setting => (string?)setting.Value),
    });

    private static int?[] Days(JsonElement choices, string kind) =>
        [.. choices.GetProperty(kind).GetProperty("choices").EnumerateArray().Select(choice => choice.GetProperty("days").ValueKind == JsonValueKind.Null ? (int?)null : choice.GetProperty("days").GetInt32())];

    private static string?[] Labels(JsonElement choices, string kind) => [.. choices.GetProperty(kind).GetProperty("choices").EnumerateArray().Select(choice => choice.GetProperty("label").GetString())];
}
