using System.Net;
using System.Net.Http;
using System.Security.Cryptography;
using System.Text;
using Activate.Identity.Testing;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Activate.Identity.AspNetCore.Tests.Offline;

/// <summary>Access tokens verified by their signature, as an application may ask for.</summary>
[Collection(IdentityServerTests.Name)]
public sealed class OfflineTests(IdentityServer identity)
{
    private readonly TestServer _server = identity.Server;

    private Task<SampleServer> OfflineAsync(string? audience = null) => identity.ResourceServerAsync(audience, change: options => options.ValidateTokensOffline = true);

    private static string Part(string json) => System.Buffers.Text.Base64Url.EncodeToString(Encoding.UTF8.GetBytes(json));

    private static string Text(string part) => Encoding.UTF8.GetString(System.Buffers.Text.Base64Url.DecodeFromChars(part));

    [Fact]
    public async Task A_token_is_verified_here_and_a_key_is_still_introspected()
    {
        await using var sample = await OfflineAsync();
        var (_, session, key) = await identity.PersonAsync();
        var answer = await sample.GetAsync("/whoami", session);
        Assert.True(answer.Status == 200, answer.ToString());
        // The same claims as from introspection, but for the name, which tokens do not carry.
        Assert.Equal(["aud", "client_id", "credential_kind", "exp", "iat", "iss", "jti", "organization", "scope", "sub"], answer.Json.EnumerateObject().Select(claim => claim.Name).Order(StringComparer.Ordinal));
        Assert.Equal(new JsonWebToken(session).GetPayloadValue<long>("iat").ToString(System.Globalization.CultureInfo.InvariantCulture), answer.Json.GetProperty("iat")[0].GetString());
        Assert.Equal(200, (await sample.GetAsync("/jobs", session)).Status);
        Assert.Equal((0, 1), (sample.Line.Introspections, sample.Line.KeySets));
        Assert.Equal(HttpStatusCode.OK, await sample.StatusAsync(key.Key));
        Assert.Equal((1, 1), (sample.Line.Introspections, sample.Line.KeySets));
    }

    [Fact]
    public async Task A_token_lives_until_its_end_and_not_a_second_longer()
    {
        await using var sample = await OfflineAsync();
        var (_, session, _) = await identity.PersonAsync();
        var end = DateTimeOffset.FromUnixTimeSeconds(new JsonWebToken(session).GetPayloadValue<long>("exp"));
        identity.Server.Clock!.SetUtcNow(end.AddSeconds(-1));
        Assert.Equal(HttpStatusCode.OK, await sample.StatusAsync(session));
        identity.Server.Clock.SetUtcNow(end);
        Assert.Equal(HttpStatusCode.Unauthorized, await sample.StatusAsync(session));
    }

    [Fact, Trait("Case", "I1")]
    public async Task A_token_for_another_audience_is_refused()
    {
        await using var sample = await OfflineAsync("https://elsewhere.example.test/offline");
        var (_, session, _) = await identity.PersonAsync();
        Assert.Equal(HttpStatusCode.Unauthorized, await sample.StatusAsync(session));
    }

    [Fact, Trait("Case", "J2")]
    public async Task Forged_tokens_are_refused()
    {
        await using var sample = await OfflineAsync();
        var (_, session, _) = await identity.PersonAsync();
        var parts = session.Split('.');
        var kid = new JsonWebToken(session).Kid;
        var jwks = await Answer.FromAsync(await _server.Client().GetAsync("/.well-known/jwks"));
        var modulus = jwks.Json.GetProperty("keys").EnumerateArray().Single(key => key.GetProperty("kid").GetString() == kid).GetProperty("n").GetString()!;
        var ecKid = jwks.Json.GetProperty("keys").EnumerateArray().First(key => key.GetProperty("kty").GetString() == "EC").GetProperty("kid").GetString()!;
        using var ours = RSA.Create(2048);
        string Signed(string header, string? payload = null)
        {
            var text = $"{Part(header)}.{(payload is null ? parts[1] : Part(payload))}";
            return $"{text}.{System.Buffers.Text.Base64Url.EncodeToString(ours.SignData(Encoding.ASCII.GetBytes(text), HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1))}";
        }

        string Mac(string header)
        {
            var text = $"{Part(header)}.{parts[1]}";
            return $"{text}.{System.Buffers.Text.Base64Url.EncodeToString(HMACSHA256.HashData(System.Buffers.Text.Base64Url.DecodeFromChars(modulus), Encoding.ASCII.GetBytes(text)))}";
        }

        var jwk = JsonWebKeyConverter.ConvertFromRSASecurityKey(new RsaSecurityKey(ours.ExportParameters(false)));
        foreach (var (name, forged) in new[]
        {
            ("none", $"{Part("""{"alg":"none","typ":"at+jwt"}""")}.{parts[1]}."),
            ("none with kid", $"{Part($$"""{"alg":"none","typ":"at+jwt","kid":"{{kid}}"}""")}.{parts[1]}.{parts[2]}"),
            ("other key", Signed($$"""{"alg":"RS256","typ":"at+jwt","kid":"{{kid}}"}""")),
            ("key in the header", Signed($$$"""{"alg":"RS256","typ":"at+jwt","kid":"{{{kid}}}","jwk":{"kty":"RSA","n":"{{{jwk.N}}}","e":"AQAB"}}""")),
            ("jku", Signed("""{"alg":"RS256","typ":"at+jwt","kid":"x","jku":"http://127.0.0.1:9/"}""")),
            ("no kid", Signed("""{"alg":"RS256","typ":"at+jwt"}""")),
            ("HS256 with the public key", Mac($$"""{"alg":"HS256","typ":"at+jwt","kid":"{{kid}}"}""")),
            ("RS512", Signed($$"""{"alg":"RS512","typ":"at+jwt","kid":"{{kid}}"}""")),
            ("the kid of the other algorithm", Signed($$"""{"alg":"RS256","typ":"at+jwt","kid":"{{ecKid}}"}""")),
            ("path as kid", Signed("""{"alg":"RS256","typ":"at+jwt","kid":"../../dev/null"}""")),
            ("payload changed", $"{parts[0]}.{Part(Text(parts[1]).Replace("platform", "audit:read platform", StringComparison.Ordinal))}.{parts[2]}"),
            ("header changed", $"{Part(Text(parts[0]).Replace("at+jwt", "JWT", StringComparison.Ordinal))}.{parts[1]}.{parts[2]}"),
            ("signature cut", session[..^4]),
            ("signature empty", $"{parts[0]}.{parts[1]}."),
            ("header is no JSON", $"eyJ.{parts[1]}.{parts[2]}"),
        })
            Assert.True(await sample.StatusAsync(forged) == HttpStatusCode.Unauthorized, name);
        Assert.Equal(HttpStatusCode.OK, await sample.StatusAsync(session));
        Assert.Equal(0, sample.Line.Introspections);
    }

    /// <summary>Correctly signed by the server's own key, and yet no access token.</summary>
    [Theory, Trait("Case", "T10")]
    [InlineData("""{"typ":"JWT"}""", false)]
    [InlineData("""{"typ":"at+jwt","crit":["x"],"x":1}""", false)]
    [InlineData("""{"typ":"at+jwt"}""", true)]
    public async Task Only_access_tokens_are_accepted(string header, bool accepted)
    {
        await using var sample = await OfflineAsync();
        var (_, session, _) = await identity.PersonAsync();
        var keys = (Server.Keys.SigningKeys)_server.Services().GetService(typeof(Server.Keys.SigningKeys))!;
        var credentials = keys.Current(SecurityAlgorithms.RsaSha256, _server.Now).Credentials;
        var merged = System.Text.Json.Nodes.JsonNode.Parse(header)!.AsObject();
        merged["alg"] = "RS256";
        merged["kid"] = credentials.Key.KeyId;
        var text = $"{Part(merged.ToJsonString())}.{session.Split('.')[1]}";
        var provider = credentials.Key.CryptoProviderFactory.CreateForSigning(credentials.Key, SecurityAlgorithms.RsaSha256);
        var token = $"{text}.{System.Buffers.Text.Base64Url.EncodeToString(provider.Sign(Encoding.ASCII.GetBytes(text)))}";
        Assert.Equal(accepted ? HttpStatusCode.OK : HttpStatusCode.Unauthorized, await sample.StatusAsync(token));
    }

    [Fact, Trait("Case", "C6")]
    public async Task A_rotation_of_keys_is_followed_without_one_refusal()
    {
        await using var sample = await OfflineAsync();
        var owner = await _server.LoginWithDeviceAsync(scope: TestServer.ManageScopes);
        var (user, before) = await _server.AddPersonAsync();
        Assert.Equal(HttpStatusCode.OK, await sample.StatusAsync(before));
        Assert.Equal(200, (await _server.ApiAsync(HttpMethod.Post, "/api/v1/signing-keys/rotate", owner)).Status);
        var kids = new HashSet<string>();
        for (var minute = 0; minute < 15; minute++)
        {
            identity.Server.Clock!.Advance(TimeSpan.FromMinutes(1));
            var token = await _server.GrantAsync(user.Id);
            kids.Add(new JsonWebToken(token).Kid);
            Assert.Equal(HttpStatusCode.OK, await sample.StatusAsync(token));
            Assert.Equal(HttpStatusCode.OK, await sample.StatusAsync(before));
        }

        Assert.Equal(2, kids.Count);
        // A copy is kept for five minutes.
        Assert.InRange(sample.Line.KeySets, 3, 5);
    }

    [Fact, Trait("Case", "J2")]
    public async Task A_storm_of_unknown_key_ids_asks_the_server_once_in_ten_seconds()
    {
        await using var sample = await OfflineAsync();
        var (_, session, _) = await identity.PersonAsync();
        Assert.Equal(HttpStatusCode.OK, await sample.StatusAsync(session));
        var parts = session.Split('.');
        async Task StormAsync()
        {
            var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(i => sample.StatusAsync($"{Part($$"""{"alg":"RS256","typ":"at+jwt","kid":"{{Guid.NewGuid()}}"}""")}.{parts[1]}.{parts[2]}")));
            Assert.All(answers, answer => Assert.Equal(HttpStatusCode.Unauthorized, answer));
        }

        await StormAsync();
        Assert.Equal(1, sample.Line.KeySets);
        identity.Server.Clock!.Advance(TimeSpan.FromSeconds(10));
        await StormAsync();
        Assert.Equal(2, sample.Line.KeySets);
        Assert.Equal(HttpStatusCode.OK, await sample.StatusAsync(session));
    }

    [Fact]
    public async Task Tokens_are_verified_while_the_server_is_down_but_not_before_it_was_ever_reached()
    {
        await using var known = await OfflineAsync();
        await using var fresh = await OfflineAsync();
        var (user, session) = await _server.AddPersonAsync();
        var later = await _server.GrantAsync(user.Id);
        var key = await _server.CreateApiKeyAsync(session, "key");
        Assert.Equal(HttpStatusCode.OK, await known.StatusAsync(session));
        await _server.RestartAsync(async () =>
        {
            identity.Server.Clock!.Advance(TimeSpan.FromMinutes(10));
            Assert.Equal(HttpStatusCode.OK, await known.StatusAsync(later));
            Assert.Equal(HttpStatusCode.ServiceUnavailable, await known.StatusAsync(key.Key));
            Assert.Equal(HttpStatusCode.ServiceUnavailable, await fresh.StatusAsync(later));
        });
        Assert.Equal(HttpStatusCode.OK, await fresh.StatusAsync(later));
        Assert.Equal(HttpStatusCode.OK, await known.StatusAsync(key.Key));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("{\"keys\":[]}")]
    [InlineData("{\"keys\":[{\"kty\":\"RSA\"}]}")]
    [InlineData("<html>")]
    public async Task What_is_no_key_set_lets_nobody_in(string body)
    {
        await using var sample = await OfflineAsync();
        var (_, session, _) = await identity.PersonAsync();
        sample.Line.Instead = () => new HttpResponseMessage(HttpStatusCode.OK) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await sample.StatusAsync(session));
        sample.Line.Instead = null;
        Assert.Equal(HttpStatusCode.OK, await sample.StatusAsync(session));
    }
}
