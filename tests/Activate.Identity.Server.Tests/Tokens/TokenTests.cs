using System.Text.Json;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.IdentityModel.JsonWebTokens;
using static Activate.Identity.Server.Tests.ApiKeys.ApiCalls;

namespace Activate.Identity.Server.Tests.Tokens;

[Trait("Database", "Differs")]
public class TokenTests(ClockedServer fixture) : IClassFixture<ClockedServer>
{
    private const string Path = "/api/v1/tokens";
    private readonly TestServer _server = fixture.Server;

    public static TheoryData<int> Hours => new(Enumerable.Range(1, 24));

    [Theory]
    [Trait("Case", "K8")]
    [MemberData(nameof(Hours))]
    public async Task Each_lifetime_from_1_to_24_hours_is_honoured_to_the_second(int hours)
    {
        var (user, session) = await _server.AddPersonAsync();
        var answer = await _server.PostAsync(Path, session, new { name = "t", expiresInHours = hours });
        Assert.Equal(201, answer.Status);
        var token = answer.Text("token");
        Assert.Equal(TimeSpan.FromHours(hours), answer.Json.GetProperty("expiresAt").GetDateTime() - answer.Json.GetProperty("createdAt").GetDateTime());
        var jwt = new JsonWebToken(token);
        Assert.Equal(answer.Json.GetProperty("expiresAt").GetDateTime(), jwt.ValidTo);
        Assert.Equal(TimeSpan.FromHours(hours), jwt.ValidTo - jwt.IssuedAt);
        _server.Clock!.Advance(TimeSpan.FromHours(hours) - TimeSpan.FromSeconds(1));
        Assert.Equal(200, (await _server.GetAsync("/api/v1/me", token)).Status);
        _server.Clock.Advance(TimeSpan.FromSeconds(1));
        (await _server.GetAsync("/api/v1/me", token)).AssertProblem(401, "invalid_credential");
        session = await _server.GrantAsync(user.Id);
        Assert.Equal("expired", (await _server.GetAsync(Path, session)).Json.GetProperty("items")[0].GetProperty("state").GetString());
    }

    [Theory]
    [Trait("Case", "K8")]
    [InlineData(25)]
    [InlineData(48)]
    [InlineData(8760)]
    public async Task More_than_24_hours_is_refused_and_says_whose_rule_that_is(int hours)
    {
        var (_, session) = await _server.AddPersonAsync();
        var answer = await _server.PostAsync(Path, session, new { expiresInHours = hours });
        answer.AssertProblem(403, "expiration_beyond_maximum", "expiresInHours");
        Assert.Contains("The server's fixed rule for tokens allows at most 24 hours", answer.Text("detail"), StringComparison.Ordinal);
        Assert.Equal(0, (await _server.GetAsync(Path, session)).Items());
    }

    [Fact]
    [Trait("Case", "J3")]
    public async Task A_token_is_an_RFC_9068_access_token_that_names_nobody()
    {
        var (user, session) = await _server.AddPersonAsync();
        var answer = await _server.PostAsync(Path, session, new { });
        var jwt = new JsonWebToken(answer.Text("token"));
        Assert.Equal(("at+jwt", "RS256"), (jwt.Typ, jwt.Alg));
        Assert.Equal(["aud", "client_id", "exp", "iat", "iss", "jti", "organization", "platform_host", "scope", "sid", "sub"], jwt.Claims.Select(claim => claim.Type).Distinct().Order(StringComparer.Ordinal));
        Assert.Equal(user.Id.ToString(), jwt.Subject);
        Assert.Equal($"{_server.Origin}", jwt.Issuer);
        Assert.Equal([$"{_server.Origin}api", $"{_server.Origin}platform"], jwt.Audiences);
        Assert.Equal("hydrology-lab", jwt.GetPayloadValue<string>("organization"));
        Assert.Equal(_server.Origin.GetLeftPart(UriPartial.Authority), jwt.GetPayloadValue<string>("platform_host"));
        Assert.Equal(answer.Text("id"), jwt.Id);
        Assert.Equal("default", answer.Text("expiresBecause"));
        Assert.Equal(TimeSpan.FromHours(24), jwt.ValidTo - jwt.IssuedAt);
        Assert.Equal(answer.Text("token")[^4..], answer.Text("last4"));
        var me = (await _server.GetAsync("/api/v1/me", answer.Text("token"))).Json.GetProperty("credential");
        Assert.Equal(("token", answer.Text("id")), (me.GetProperty("kind").GetString(), me.GetProperty("id").GetString()));
    }

    [Fact]
    public async Task A_token_without_the_scope_platform_is_not_for_the_platform()
    {
        var (_, session) = await _server.AddPersonAsync();
        var answer = await _server.PostAsync(Path, session, new { scopes = new[] { "credentials:read" } });
        Assert.Equal([$"{_server.Origin}api"], new JsonWebToken(answer.Text("token")).Audiences);
        Assert.Equal(200, (await _server.GetAsync("/api/v1/me", answer.Text("token"))).Status);
    }

    [Fact]
    public async Task A_deleted_token_is_refused_at_once_although_its_signature_is_good()
    {
        var (_, session) = await _server.AddPersonAsync();
        var answer = await _server.PostAsync(Path, session, new { name = "a" });
        Assert.Equal(200, (await _server.GetAsync("/api/v1/me", answer.Text("token"))).Status);
        Assert.Equal(204, (await _server.DeleteAsync($"{Path}/{answer.Text("id")}", session)).Status);
        (await _server.GetAsync("/api/v1/me", answer.Text("token"))).AssertProblem(401, "invalid_credential");
        (await _server.DeleteAsync($"{Path}/{answer.Text("id")}", session)).AssertProblem(404, "not_found");
        Assert.Equal(0, (await _server.GetAsync(Path, session)).Items());
    }

    [Fact]
    public async Task Tokens_may_share_a_name_and_an_unnamed_one_is_named_after_the_time()
    {
        var (_, session) = await _server.AddPersonAsync();
        Assert.Equal(201, (await _server.PostAsync(Path, session, new { name = "a" })).Status);
        Assert.Equal(201, (await _server.PostAsync(Path, session, new { name = "a" })).Status);
        var unnamed = await _server.PostAsync(Path, session, new { });
        Assert.StartsWith("Token of 20", unnamed.Text("name"), StringComparison.Ordinal);
        Assert.Equal(unnamed.Json.GetProperty("name").GetString(), (await _server.PostAsync(Path, session, new { name = (string?)null })).Text("name"));
    }

    [Fact]
    public async Task A_token_stays_listed_for_ninety_days_after_its_end()
    {
        var (user, session) = await _server.AddPersonAsync();
        await _server.PostAsync(Path, session, new { expiresInHours = 1 });
        // As if the days had passed for this token alone: a fake clock fires every timer on its way through them.
        await _server.QueryAsync(async database =>
        {
            var grant = await database.TokenGrants.SingleAsync(g => g.OwnerId == user.Id && g.Kind == CredentialKind.Token);
            grant.ExpiresAt -= TimeSpan.FromHours(1) + TimeSpan.FromDays(90) - TimeSpan.FromSeconds(1);
            return await database.SaveChangesAsync();
        });
        Assert.Equal(1, (await _server.GetAsync(Path, session)).Items());
        _server.Clock!.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(0, (await _server.GetAsync(Path, session)).Items());
        Assert.Equal(JsonValueKind.Null, (await _server.GetAsync(Path, session)).Json.GetProperty("next").ValueKind);
    }
}
