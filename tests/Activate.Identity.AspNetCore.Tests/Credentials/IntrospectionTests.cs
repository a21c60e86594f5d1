using System.Net;
using System.Net.Http;
using System.Text;
using Activate.Identity.AspNetCore.Credentials;
using Activate.Identity.Core.ApiKeys;
using Activate.Identity.Testing;
using Microsoft.IdentityModel.JsonWebTokens;

namespace Activate.Identity.AspNetCore.Tests.Credentials;

/// <summary>Asking the server: when, how often, and what an answer lets in.</summary>
[Collection(IdentityServerTests.Name)]
public sealed class IntrospectionTests(IdentityServer identity)
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    private static readonly string[] s_platform = ["platform"];
    private static readonly string[] s_loopback = ["127.0.0.0/8", "::1"];
    private static readonly string[] s_documentation = ["192.0.2.0/24"];

    private readonly TestServer _server = identity.Server;

    private async Task DeleteAsync(ApiKeyAnswer key, string session) =>
        Assert.Equal(204, (await _server.ApiAsync(HttpMethod.Delete, $"/api/v1/api-keys/{key.Id}", session)).Status);

    private static HttpResponseMessage Json(string body) => new(HttpStatusCode.OK) { Content = new StringContent(body, Encoding.UTF8, "application/json") };

    [Fact, Trait("Case", "K11")]
    public async Task A_deleted_key_is_refused_within_thirty_seconds_and_asked_about_once_until_then()
    {
        await using var sample = await identity.ResourceServerAsync();
        var (_, session, key) = await identity.PersonAsync();
        Assert.Equal(HttpStatusCode.OK, await sample.StatusAsync(key.Key));
        await DeleteAsync(key, session);
        // The answer is repeated until it is as old as is allowed: that is what makes the thirty seconds a promise and not an accident.
        identity.Server.Clock!.Advance(TimeSpan.FromSeconds(28));
        Assert.Equal((HttpStatusCode.OK, 1), (await sample.StatusAsync(key.Key), sample.Line.Introspections));
        identity.Server.Clock.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal((HttpStatusCode.Unauthorized, 2), (await sample.StatusAsync(key.Key), sample.Line.Introspections));
        // So is a refusal.
        Assert.Equal((HttpStatusCode.Unauthorized, 2), (await sample.StatusAsync(key.Key), sample.Line.Introspections));
    }

    [Fact]
    public async Task A_key_that_is_limited_to_addresses_is_refused_from_elsewhere_for_each_request_and_without_telling_the_list()
    {
        await using var sample = await identity.ResourceServerAsync();
        var (_, session, _) = await identity.PersonAsync();
        var here = await _server.CreateApiKeyAsync(session, "here", new { name = "here", scopes = s_platform, allowedAddresses = s_loopback });
        var elsewhere = await _server.CreateApiKeyAsync(session, "elsewhere", new { name = "elsewhere", scopes = s_platform, allowedAddresses = s_documentation });
        Assert.Equal(HttpStatusCode.OK, await sample.StatusAsync(here.Key));
        for (var i = 0; i < 2; i++)
        {
            var answer = await sample.GetAsync("/whoami", elsewhere.Key);
            Assert.Equal(403, answer.Status);
            Assert.DoesNotContain("192.0.2", answer.Body + answer.Response.Headers, StringComparison.Ordinal);
        }

        // The answer is kept, the address is looked at each time.
        Assert.Equal(2, sample.Line.Introspections);
        // A limit that cannot be read lets nobody in.
        sample.Line.Instead = () => Json($$"""{"active":true,"sub":"x","jti":"y","aud":"{{identity.Platform}}","scope":"platform","allowed_addresses":["everywhere"]}""");
        Assert.Equal(HttpStatusCode.Unauthorized, await sample.StatusAsync((await identity.PersonAsync()).Key.Key));
    }

    [Fact]
    public async Task With_a_cache_duration_of_nothing_every_request_asks()
    {
        await using var sample = await identity.ResourceServerAsync(change: options => options.CacheDuration = TimeSpan.Zero);
        var (_, session, key) = await identity.PersonAsync();
        Assert.Equal(HttpStatusCode.OK, await sample.StatusAsync(key.Key));
        await DeleteAsync(key, session);
        Assert.Equal(HttpStatusCode.Unauthorized, await sample.StatusAsync(key.Key));
    }

    [Fact]
    public async Task No_answer_is_repeated_beyond_the_end_of_the_credential()
    {
        await using var sample = await identity.ResourceServerAsync();
        var (_, session, _) = await identity.PersonAsync();
        var end = DateTimeOffset.FromUnixTimeSeconds(new JsonWebToken(session).GetPayloadValue<long>("exp"));
        identity.Server.Clock!.SetUtcNow(end - TimeSpan.FromSeconds(10));
        Assert.Equal(HttpStatusCode.OK, await sample.StatusAsync(session));
        identity.Server.Clock.SetUtcNow(end - TimeSpan.FromMilliseconds(1));
        Assert.Equal((HttpStatusCode.OK, 1), (await sample.StatusAsync(session), sample.Line.Introspections));
        identity.Server.Clock.SetUtcNow(end);
        // It says itself that it has ended: no request is needed.
        Assert.Equal((HttpStatusCode.Unauthorized, 1), (await sample.StatusAsync(session), sample.Line.Introspections));
    }

    [Fact, Trait("Case", "O5")]
    public async Task A_policy_cut_ends_a_key_here_too()
    {
        await using var sample = await identity.ResourceServerAsync();
        var organization = await _server.CreateOrganizationAsync(identity.NewName("org"));
        var (_, admin) = await _server.AddPersonAsync(Core.Organizations.Role.Admin, organization.Id);
        var key = await _server.CreateApiKeyAsync(admin, "endless", new { name = "endless", expiresInDays = (int?)null });
        Assert.Equal(HttpStatusCode.OK, await sample.StatusAsync(key.Key));
        identity.Server.Clock!.Advance(TimeSpan.FromDays(8));
        var (_, again) = await _server.AddPersonAsync(Core.Organizations.Role.Admin, organization.Id);
        using var client = _server.Client();
        using var read = new HttpRequestMessage(HttpMethod.Get, "/api/v1/organization/policy");
        read.Headers.Authorization = new("Bearer", again);
        using var request = new HttpRequestMessage(HttpMethod.Put, "/api/v1/organization/policy")
        {
            Content = System.Net.Http.Json.JsonContent.Create(new { policy = new { apiKeys = new { maximumDays = 7 } }, existing = new { mode = "shorten", graceDays = 0 } }),
        };
        request.Headers.Authorization = read.Headers.Authorization;
        request.Headers.TryAddWithoutValidation("If-Match", (await client.SendAsync(read)).Headers.ETag!.ToString());
        var changed = await Answer.FromAsync(await client.SendAsync(request));
        Assert.True(changed.Status == 200, changed.ToString());
        identity.Server.Clock.Advance(TimeSpan.FromSeconds(30));
        Assert.Equal(HttpStatusCode.Unauthorized, await sample.StatusAsync(key.Key));
    }

    [Fact, Trait("Case", "I1")]
    public async Task A_credential_for_another_audience_is_refused()
    {
        await using var sample = await identity.ResourceServerAsync("https://elsewhere.example.test/audience");
        var (_, session, key) = await identity.PersonAsync();
        Assert.Equal(HttpStatusCode.Unauthorized, await sample.StatusAsync(session));
        Assert.Equal(HttpStatusCode.Unauthorized, await sample.StatusAsync(key.Key));
        Assert.Equal(2, sample.Line.Introspections);
    }

    [Fact, Trait("Case", "O1")]
    public async Task A_resource_server_of_an_organization_sees_only_that_organizations_people()
    {
        var theirs = await _server.CreateOrganizationAsync(identity.NewName("org"));
        await using var sample = await identity.ResourceServerAsync(organizationId: theirs.Id);
        var (_, session, key) = await identity.PersonAsync(theirs.Id);
        var (_, foreignSession, foreignKey) = await identity.PersonAsync();
        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.OK), (await sample.StatusAsync(session), await sample.StatusAsync(key.Key)));
        Assert.Equal((HttpStatusCode.Unauthorized, HttpStatusCode.Unauthorized), (await sample.StatusAsync(foreignSession), await sample.StatusAsync(foreignKey.Key)));
    }

    [Fact, Trait("Case", "K3"), Trait("Case", "J2")]
    public async Task What_cannot_be_a_credential_of_our_server_costs_no_request()
    {
        await using var sample = await identity.ResourceServerAsync();
        var (_, session, key) = await identity.PersonAsync();
        var parts = session.Split('.');
        string Claiming(string payload) => $"{parts[0]}.{JsonPart(payload)}.{parts[2]}";
        foreach (var wrong in new[]
        {
            key.Key[..^1] + (key.Key[^1] == 'a' ? 'b' : 'a'),
            key.Key[..^1],
            ApiKeySecret.Generate(new Uri("https://other.example.org")).Reveal(),
            ApiKeySecret.Generate(new Uri("http://localhost:1")).Reveal(),
            parts[0], $"{parts[0]}.{parts[1]}", $"{session}.x", $"{parts[0]}..{parts[2]}", "ey", "ey.ey.ey", "ey.%.x",
            Claiming($$"""{"iss":"https://other.example.org/","exp":99999999999}"""),
            Claiming($$"""{"iss":"{{identity.Base}}","exp":99999999999}"""),
            Claiming($$"""{"iss":"{{identity.Base}}/"}"""),
            Claiming($$"""{"iss":"{{identity.Base}}/","exp":1}"""),
            Claiming($$"""{"iss":"{{identity.Base}}/","exp":"99999999999"}"""),
            Claiming($$$"""{"x":{"iss":"{{{identity.Base}}}/","exp":99999999999}}"""),
            Claiming("[]"), Claiming("1"), Claiming("{"), Claiming("\"\""),
            "ey" + new string('y', 9000), "pwt_", "pwt_x.y",
        })
            Assert.True(await sample.StatusAsync(wrong) == HttpStatusCode.Unauthorized, wrong);
        // What no header of ours would carry, but another client's might.
        Assert.Equal(Outcome.Refused, (await sample.Authenticator.CheckAsync(session + "ä", CancellationToken.None)).Outcome);
        Assert.Equal(0, sample.Line.Introspections);
    }

    private static string JsonPart(string text) => System.Buffers.Text.Base64Url.EncodeToString(Encoding.UTF8.GetBytes(text));

    [Fact, Trait("Case", "J2")]
    public async Task A_token_that_was_changed_is_refused()
    {
        await using var sample = await identity.ResourceServerAsync();
        var (_, session, _) = await identity.PersonAsync();
        var parts = session.Split('.');
        var payload = Encoding.UTF8.GetString(System.Buffers.Text.Base64Url.DecodeFromChars(parts[1]));
        Assert.Contains("\"openid ", payload, StringComparison.Ordinal);
        payload = payload.Replace("\"openid ", "\"audit:read openid ", StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Unauthorized, await sample.StatusAsync($"{parts[0]}.{JsonPart(payload)}.{parts[2]}"));
        Assert.Equal(1, sample.Line.Introspections);
    }

    [Fact]
    public async Task A_hundred_requests_with_a_fresh_key_ask_once()
    {
        await using var sample = await identity.ResourceServerAsync();
        var (_, _, key) = await identity.PersonAsync();
        sample.Line.Hold = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var requests = Enumerable.Range(0, 100).Select(_ => sample.StatusAsync(key.Key)).ToArray();
        using var patience = new CancellationTokenSource(s_patience);
        while (sample.Line.Introspections == 0)
            await Task.Delay(10, patience.Token);
        sample.Line.Hold.SetResult();
        Assert.All(await Task.WhenAll(requests).WaitAsync(s_patience), status => Assert.Equal(HttpStatusCode.OK, status));
        Assert.Equal(1, sample.Line.Introspections);
    }

    [Fact]
    public async Task Who_leaves_does_not_take_the_answer_of_the_others_along()
    {
        await using var sample = await identity.ResourceServerAsync();
        var (_, _, key) = await identity.PersonAsync();
        sample.Line.Hold = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var impatient = new CancellationTokenSource();
        var first = sample.Authenticator.CheckAsync(key.Key, impatient.Token).AsTask();
        var second = sample.Authenticator.CheckAsync(key.Key, CancellationToken.None).AsTask();
        await impatient.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        sample.Line.Hold.SetResult();
        Assert.Equal(Outcome.Good, (await second.WaitAsync(s_patience)).Outcome);
        Assert.Equal(1, sample.Line.Introspections);
    }

    [Fact]
    public async Task A_flood_of_made_up_keys_takes_bounded_room_and_pushes_no_good_answer_out()
    {
        await using var sample = await identity.ResourceServerAsync(change: options => options.CacheSize = 100);
        var (_, _, key) = await identity.PersonAsync();
        Assert.Equal(HttpStatusCode.OK, await sample.StatusAsync(key.Key));
        sample.Line.Instead = () => Json("""{"active":false}""");
        for (var i = 0; i < 1000; i++)
            Assert.Equal(Outcome.Refused, (await sample.Authenticator.CheckAsync(ApiKeySecret.Generate(_server.Origin).Reveal(), CancellationToken.None)).Outcome);
        Assert.Equal(1001, sample.Line.Introspections);
        Assert.InRange(sample.Authenticator.Held.Refused, 1, 100);
        Assert.Equal(1, sample.Authenticator.Held.Good);
        Assert.Equal(HttpStatusCode.OK, await sample.StatusAsync(key.Key));
        Assert.Equal(1001, sample.Line.Introspections);
    }

    [Fact]
    public async Task Only_so_many_credentials_are_asked_about_at_once()
    {
        await using var sample = await identity.ResourceServerAsync();
        sample.Line.Hold = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        sample.Line.Instead = () => Json("""{"active":false}""");
        var waiting = Enumerable.Range(0, CredentialAuthenticator.MostAskedAtOnce)
            .Select(_ => sample.Authenticator.CheckAsync(ApiKeySecret.Generate(_server.Origin).Reveal(), CancellationToken.None).AsTask()).ToArray();
        var (_, _, key) = await identity.PersonAsync();
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await sample.StatusAsync(key.Key));
        sample.Line.Hold.SetResult();
        await Task.WhenAll(waiting).WaitAsync(s_patience);
        sample.Line.Instead = null;
        Assert.Equal(HttpStatusCode.OK, await sample.StatusAsync(key.Key));
    }

    public static TheoryData<string, int> AnswersThatAreWhole => new()
    {
        { """{"active":false}""", 401 },
        { """{"active":true,"sub":"u","jti":"j","aud":"AUD","iat":1}""", 200 },
        { """{"active":true,"sub":"u","jti":"j","aud":["x","AUD"],"iat":1,"exp":99999999999}""", 200 },
        { """{"active":true,"sub":"u","jti":"j","aud":"AUD/","iat":1}""", 401 },
        { """{"active":true,"sub":"u","jti":"j","iat":1}""", 401 },
        { """{"active":true,"sub":"u","jti":"j","aud":[],"iat":1}""", 401 },
        { """{"active":true,"sub":"u","jti":"j","aud":"AUD","exp":1}""", 401 },
        { """{"active":true,"jti":"j","aud":"AUD"}""", 401 },
        { """{"active":"true","sub":"u","jti":"j","aud":"AUD"}""", 503 },
        { """{"sub":"u","jti":"j","aud":"AUD"}""", 503 },
        { "[]", 503 },
        { "{\"active\":true", 503 },
        { "", 503 },
    };

    [Theory, MemberData(nameof(AnswersThatAreWhole))]
    public async Task An_answer_is_checked_before_it_lets_anybody_in(string body, int status)
    {
        await using var sample = await identity.ResourceServerAsync();
        sample.Line.Instead = () => Json(body.Replace("AUD", identity.Platform, StringComparison.Ordinal));
        Assert.Equal(status, (int)await sample.StatusAsync(ApiKeySecret.Generate(_server.Origin).Reveal()));
    }

    [Theory]
    [InlineData(HttpStatusCode.InternalServerError)]
    [InlineData(HttpStatusCode.ServiceUnavailable)]
    [InlineData(HttpStatusCode.TooManyRequests)]
    [InlineData(HttpStatusCode.Unauthorized)]
    [InlineData(HttpStatusCode.BadRequest)]
    [InlineData(HttpStatusCode.Redirect)]
    [InlineData(HttpStatusCode.NotFound)]
    public async Task What_is_no_answer_lets_nobody_in_and_is_not_remembered(HttpStatusCode status)
    {
        await using var sample = await identity.ResourceServerAsync();
        var (_, _, key) = await identity.PersonAsync();
        sample.Line.Instead = () => new HttpResponseMessage(status)
        {
            Content = new StringContent($$"""{"active":true,"sub":"u","jti":"j","aud":"{{identity.Platform}}"}""", Encoding.UTF8, "application/json"), Headers = { Location = new Uri("http://127.0.0.1:9/") },
        };
        var refused = await sample.GetAsync("/whoami", key.Key);
        Assert.Equal((503, "1", null), (refused.Status, refused.Header("Retry-After"), refused.Header("WWW-Authenticate")));
        sample.Line.Instead = null;
        Assert.Equal(HttpStatusCode.OK, await sample.StatusAsync(key.Key));
    }

    [Fact]
    public async Task A_page_instead_of_an_answer_lets_nobody_in()
    {
        await using var sample = await identity.ResourceServerAsync();
        sample.Line.Instead = () => new HttpResponseMessage(HttpStatusCode.OK) { Content = new StringContent("""{"active":false}""", Encoding.UTF8, "text/html") };
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await sample.StatusAsync(ApiKeySecret.Generate(_server.Origin).Reveal()));
    }

    [Fact]
    public async Task A_wrong_client_secret_is_our_fault_and_is_said_in_the_log()
    {
        var client = identity.NewName();
        await _server.RegisterApplicationAsync(client, IdentityServer.Secret, identity.Platform);
        await using var sample = identity.Sample(client, "pws_wrong", identity.Platform);
        var (_, _, key) = await identity.PersonAsync();
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await sample.StatusAsync(key.Key));
        Assert.Contains(sample.Logs.Lines, line => line.StartsWith("Error", StringComparison.Ordinal) && line.Contains("ActivateIdentity:ClientId", StringComparison.Ordinal));
        Assert.DoesNotContain("pws_wrong", sample.Logs.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_survives_a_restart_of_the_server_refuses_with_503_while_that_is_down_and_recovers_at_once()
    {
        await using var sample = await identity.ResourceServerAsync();
        var (_, session, known) = await identity.PersonAsync();
        var (_, _, fresh) = await identity.PersonAsync();
        Assert.Equal(HttpStatusCode.OK, await sample.StatusAsync(known.Key));
        await _server.RestartAsync(async () =>
        {
            // What was checked a moment ago goes on; what was not cannot be checked.
            Assert.Equal(HttpStatusCode.OK, await sample.StatusAsync(known.Key));
            Assert.Equal(HttpStatusCode.ServiceUnavailable, await sample.StatusAsync(fresh.Key));
            identity.Server.Clock!.Advance(TimeSpan.FromSeconds(30));
            Assert.Equal(HttpStatusCode.ServiceUnavailable, await sample.StatusAsync(known.Key));
        });
        Assert.Equal(HttpStatusCode.OK, await sample.StatusAsync(fresh.Key));
        Assert.Equal(HttpStatusCode.OK, await sample.StatusAsync(known.Key));
        Assert.Equal(HttpStatusCode.OK, await sample.StatusAsync(session));
        Assert.Single(sample.Logs.Lines, line => line.StartsWith("Warning", StringComparison.Ordinal) && line.Contains("cannot be checked", StringComparison.Ordinal));
        Assert.Single(sample.Logs.Lines, line => line.Contains("can be checked at", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_server_that_does_not_answer_is_waited_for_no_longer_than_the_timeout()
    {
        await using var sample = await identity.ResourceServerAsync(change: options => options.Timeout = TimeSpan.FromMilliseconds(200));
        sample.Line.Hold = new TaskCompletionSource();
        var key = ApiKeySecret.Generate(_server.Origin).Reveal();
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await sample.StatusAsync(key).WaitAsync(s_patience));
    }

    [Fact]
    public async Task A_connection_that_was_closed_is_tried_once_more()
    {
        await using var sample = await identity.ResourceServerAsync();
        var (_, _, key) = await identity.PersonAsync();
        sample.Line.Instead = () =>
        {
            sample.Line.Instead = null;
            throw new HttpRequestException(HttpRequestError.ResponseEnded);
        };
        Assert.Equal(HttpStatusCode.OK, await sample.StatusAsync(key.Key));
        Assert.Equal(2, sample.Line.Introspections);
    }
}
