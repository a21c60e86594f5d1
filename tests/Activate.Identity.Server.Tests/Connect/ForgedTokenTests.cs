using System.Buffers.Text;
using System.Net;
using System.Net.Http;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Activate.Identity.Server.Keys;
using Activate.Identity.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.Tokens;

namespace Activate.Identity.Server.Tests.Connect;

/// <summary>Access tokens that somebody else made, or made for something else (RFC 8725, RFC 9068 §4).</summary>
public sealed class ForgedTokenTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private static readonly RSA s_attackersKey = RSA.Create(2048);
    private readonly TestServer _server = shared.Server;

    public static TheoryData<string> Forgeries =>
    [
        "alg none", "alg None", "alg none with the signature", "no signature", "HS256 with the public key as PEM", "HS256 with the public key as DER", "HS256 with the modulus", "HS256 with an empty key",
        "own key", "own key, no kid", "own key, kid as path", "own key, kid as SQL", "own key in jwk", "own key at jku", "own key at x5u", "own key in x5c", "right key, wrong kid",
        "right key, unknown crit", "right key, b64 false", "right key, typ JWT", "right key, typ dpop+jwt", "right key, no typ", "right key, RS512", "right key, PS256",
        "right key, expired", "right key, no exp", "right key, exp as text", "right key, other issuer", "right key, issuer without slash", "right key, no issuer",
        "right key, other grant", "right key, no sid", "right key, sid not a guid", "right key, other subject", "right key, other client", "right key, other audience", "two signatures", "nested",
    ];

    [Theory, Trait("Case", "J2"), MemberData(nameof(Forgeries))]
    public async Task It_is_refused_by_our_API_and_by_introspection_and_nobody_is_called(string forgery)
    {
        var root = _server.Origin.GetLeftPart(UriPartial.Authority);
        var rs = shared.NewName("rs");
        await _server.RegisterApplicationAsync(rs, "s3cret", $"{root}/platform");
        var name = shared.NewName();
        await _server.CreateUserAsync(name);
        var genuine = await _server.LoginWithDeviceAsync(scope: "platform credentials:read", username: name, password: TestServer.UserPassword);
        Assert.Equal(200, (await _server.ApiAsync(HttpMethod.Get, "/api/v1/me", genuine)).Status);

        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var forged = Forge(forgery, genuine, $"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}/keys");
        Assert.NotEqual(genuine, forged);

        var answer = await _server.ApiAsync(HttpMethod.Get, "/api/v1/me", forged);
        Assert.Equal(401, answer.Status);
        Assert.StartsWith("Bearer", answer.Header("WWW-Authenticate"), StringComparison.Ordinal);
        Assert.Equal("{\"active\":false}", (await _server.IntrospectAsync(rs, "s3cret", forged)).Body);
        // A token for another audience is a real one, and its client may end it.
        if (forgery != "right key, other audience")
            await _server.PostFormAsync("/connect/revoke", [("token", forged), ("client_id", TestServer.Cli)]);
        Assert.False(listener.Pending());
        Assert.Equal(200, (await _server.ApiAsync(HttpMethod.Get, "/api/v1/me", genuine)).Status);
    }

    public static MatrixTheoryData<string, string> Bombs => new(["dir", "A256KW", "RSA-OAEP", "PBES2-HS256+A128KW"],
        ["bearer", "userinfo", "userinfo body", "introspect", "revoke", "subject_token", "client_assertion", "pushed client_assertion", "id_token_hint", "pushed id_token_hint"]);

    /// <summary>A hundred megabytes of zeros, deflated: nobody unpacks them, nor counts ten million rounds of a password hash.</summary>
    [Theory, Trait("Case", "J5"), MemberData(nameof(Bombs))]
    public async Task An_encrypted_token_that_unpacks_to_much_is_refused_at_once(string algorithm, string place)
    {
        var client = shared.NewName("rs");
        await _server.RegisterApplicationAsync(client, "s3cret", $"{_server.Origin.GetLeftPart(UriPartial.Authority)}/platform");
        // What stands in a header or an address is smaller, or Kestrel refuses it.
        var bomb = Bomb(algorithm, place is "bearer" or "userinfo" or "id_token_hint" ? s_fourMegabytes : s_hundredMegabytes);
        // Beside one of the same size whose header nobody can read, so that a busy machine is busy for both.
        var dud = $"x{bomb[1..]}";
        var (slow, usual) = (TimeSpan.MaxValue, TimeSpan.MaxValue);
        for (var i = 0; i < 5 || (slow > usual + s_unpackingTakesMore && i < 50); i++)
        {
            usual = Faster(usual, (await TimedAsync(dud)).Elapsed);
            var (answer, elapsed) = await TimedAsync(bomb);
            slow = Faster(slow, elapsed);
            if (place is "introspect" or "revoke")
                Assert.Equal((200, place == "revoke" ? "{}" : "{\"active\":false}"), (answer.Status, answer.Body));
            else if (place == "id_token_hint")
                Assert.Null(answer.Header("Location"));
            else if (place == "pushed id_token_hint")
                Assert.InRange(answer.Status, 201, 400);
            else
                Assert.InRange(answer.Status, 400, 431);
        }

        Assert.True(slow <= usual + s_unpackingTakesMore, $"{slow.TotalMilliseconds} ms beside {usual.TotalMilliseconds} ms");

        async Task<(Answer Answer, TimeSpan Elapsed)> TimedAsync(string token)
        {
            var watch = System.Diagnostics.Stopwatch.StartNew();
            return (await SendAsync(place, client, token), watch.Elapsed);
        }
    }

    private static readonly TimeSpan s_unpackingTakesMore = TimeSpan.FromMilliseconds(20);

    private static TimeSpan Faster(TimeSpan one, TimeSpan other) => one < other ? one : other;

    [Theory, Trait("Case", "J5")]
    [InlineData("bearer")]
    [InlineData("userinfo")]
    [InlineData("id_token_hint")]
    [InlineData("introspect")]
    [InlineData("pushed id_token_hint")]
    public async Task A_token_of_a_megabyte_is_refused_by_its_length(string place)
    {
        var client = shared.NewName("rs");
        await _server.RegisterApplicationAsync(client, "s3cret");
        var token = $"ey{new string('J', 1024 * 1024)}.e30.x";
        Assert.InRange(place switch
        {
            // A head is refused while it is still being sent.
            "bearer" => (await _server.RawAsync("GET /api/v1/me", [$"Authorization: Bearer {token}"])).Status,
            "userinfo" => (await _server.RawAsync("GET /connect/userinfo", [$"Authorization: Bearer {token}"])).Status,
            "id_token_hint" => (await _server.RawAsync($"GET /connect/logout?id_token_hint={token}")).Status,
            _ => (await SendAsync(place, client, token)).Status,
        }, 400, 431);
        Assert.Equal(200, (await SendAsync("introspect", client, "x")).Status);
    }

    private static readonly byte[] s_fourMegabytes = Deflate(4);
    private static readonly byte[] s_hundredMegabytes = Deflate(100);

    private static byte[] Deflate(int megabytes)
    {
        using var packed = new MemoryStream();
        using (var deflate = new System.IO.Compression.DeflateStream(packed, System.IO.Compression.CompressionLevel.SmallestSize, leaveOpen: true))
        {
            for (var i = 0; i < megabytes; i++)
                deflate.Write(new byte[1024 * 1024]);
        }

        return packed.ToArray();
    }

    private static string Bomb(string algorithm, byte[] packed)
    {
        var header = new JsonObject { ["alg"] = algorithm, ["enc"] = "A256CBC-HS512", ["zip"] = "DEF", ["typ"] = "at+jwt", ["p2c"] = 10_000_000, ["p2s"] = "AAAA" };
        return string.Join('.', Base64Url.EncodeToString(Encoding.UTF8.GetBytes(header.ToJsonString())), algorithm == "dir" ? "" : Base64Url.EncodeToString(new byte[72]),
            Base64Url.EncodeToString(new byte[16]), Base64Url.EncodeToString(packed), Base64Url.EncodeToString(new byte[32]));
    }

    private async Task<Answer> SendAsync(string place, string client, string token)
    {
        const string AssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        var basic = TestServer.Basic(client, "s3cret");
        List<(string, string)> push = [("response_type", "code"), ("redirect_uri", TestServer.Callback), ("code_challenge", Pkce.New().Challenge), ("code_challenge_method", "S256"), ("scope", "openid")];
        switch (place)
        {
            case "bearer":
                return await _server.ApiAsync(HttpMethod.Get, "/api/v1/me", token);
            case "userinfo":
                return await _server.ApiAsync(HttpMethod.Get, "/connect/userinfo", token);
            case "userinfo body":
                return await _server.PostFormAsync("/connect/userinfo", [("access_token", token)]);
            case "introspect" or "revoke":
                return await _server.PostFormAsync($"/connect/{place}", [("token", token)], authorization: basic);
            case "subject_token":
                return await _server.PostFormAsync("/connect/token", [("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"), ("subject_token", token),
                    ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token")], authorization: basic);
            case "client_assertion":
                return await _server.PostFormAsync("/connect/token", [("grant_type", "client_credentials"), ("client_id", client), ("client_assertion_type", AssertionType), ("client_assertion", token)]);
            case "pushed client_assertion":
                return await _server.PostFormAsync("/connect/par", [.. push, ("client_id", client), ("client_assertion_type", AssertionType), ("client_assertion", token)]);
            case "pushed id_token_hint":
                return await _server.PostFormAsync("/connect/par", [.. push, ("id_token_hint", token)], authorization: basic);
            case "id_token_hint":
                using (var http = _server.Client())
                    return await Answer.FromAsync(await http.GetAsync(new Uri(_server.Origin, $"/connect/logout?id_token_hint={token}")));
            default:
                throw new ArgumentOutOfRangeException(nameof(place));
        }
    }

    private string Forge(string forgery, string genuine, string trap)
    {
        var parts = genuine.Split('.');
        var header = (JsonObject)JsonNode.Parse(Base64Url.DecodeFromChars(parts[0]))!;
        var payload = (JsonObject)JsonNode.Parse(Base64Url.DecodeFromChars(parts[1]))!;
        var ours = ((RsaSecurityKey)_server.Services().GetRequiredService<SigningKeys>().Current("RS256", _server.Now).Credentials.Key).Rsa;
        var attackers = s_attackersKey.ExportParameters(false);
        var jwk = new JsonObject { ["kty"] = "RSA", ["n"] = Base64Url.EncodeToString(attackers.Modulus!), ["e"] = Base64Url.EncodeToString(attackers.Exponent!), ["alg"] = "RS256", ["kid"] = "own" };
        Func<byte[], byte[]> Rs(RSA key, HashAlgorithmName? hash = null) => data => key.SignData(data, hash ?? HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        Func<byte[], byte[]> Hs(byte[] key) => data => HMACSHA256.HashData(key, data);
        var sign = forgery.StartsWith("own key", StringComparison.Ordinal) ? Rs(s_attackersKey) : Rs(ours);
        switch (forgery)
        {
            case "alg none" or "alg None":
                header["alg"] = forgery[4..];
                sign = _ => [];
                break;
            case "alg none with the signature":
                header["alg"] = "none";
                break;
            case "no signature":
                return $"{parts[0]}.{parts[1]}.";
            case "HS256 with the public key as PEM":
                (header["alg"], sign) = ("HS256", Hs(Encoding.ASCII.GetBytes(ours.ExportSubjectPublicKeyInfoPem())));
                break;
            case "HS256 with the public key as DER":
                (header["alg"], sign) = ("HS256", Hs(ours.ExportSubjectPublicKeyInfo()));
                break;
            case "HS256 with the modulus":
                (header["alg"], sign) = ("HS256", Hs(ours.ExportParameters(false).Modulus!));
                break;
            case "HS256 with an empty key":
                (header["alg"], sign) = ("HS256", Hs([]));
                break;
            case "own key":
                break;
            case "own key, no kid":
                header.Remove("kid");
                break;
            case "own key, kid as path":
                header["kid"] = "../../../../dev/null";
                break;
            case "own key, kid as SQL":
                header["kid"] = "x' UNION SELECT 'key'; --";
                break;
            case "own key in jwk":
                (header["jwk"], header["kid"]) = (jwk, "own");
                break;
            case "own key at jku":
                (header["jku"], header["kid"]) = (trap, "own");
                break;
            case "own key at x5u":
                (header["x5u"], header["kid"]) = (trap, "own");
                break;
            case "own key in x5c":
                header["x5c"] = new JsonArray(Convert.ToBase64String(s_attackersKey.ExportSubjectPublicKeyInfo()));
                break;
            case "right key, wrong kid":
                header["kid"] = "another";
                break;
            case "right key, unknown crit":
                (header["crit"], header["exp"]) = (new JsonArray("exp"), 1);
                break;
            case "right key, b64 false":
                (header["crit"], header["b64"]) = (new JsonArray("b64"), false);
                break;
            case "right key, typ JWT":
                header["typ"] = "JWT";
                break;
            case "right key, typ dpop+jwt":
                header["typ"] = "dpop+jwt";
                break;
            case "right key, no typ":
                header.Remove("typ");
                break;
            case "right key, RS512":
                (header["alg"], sign) = ("RS512", Rs(ours, HashAlgorithmName.SHA512));
                break;
            case "right key, PS256":
                (header["alg"], sign) = ("PS256", data => ours.SignData(data, HashAlgorithmName.SHA256, RSASignaturePadding.Pss));
                break;
            case "right key, expired":
                payload["exp"] = DateTimeOffset.UtcNow.ToUnixTimeSeconds() - 1;
                break;
            case "right key, no exp":
                payload.Remove("exp");
                break;
            case "right key, exp as text":
                payload["exp"] = "tomorrow";
                break;
            case "right key, other issuer":
                payload["iss"] = "https://evil.test/";
                break;
            case "right key, issuer without slash":
                payload["iss"] = payload["iss"]!.GetValue<string>().TrimEnd('/');
                break;
            case "right key, no issuer":
                payload.Remove("iss");
                break;
            case "right key, other grant":
                payload["sid"] = Guid.NewGuid().ToString();
                break;
            case "right key, no sid":
                payload.Remove("sid");
                break;
            case "right key, sid not a guid":
                payload["sid"] = "x";
                break;
            case "right key, other subject":
                payload["sub"] = Guid.NewGuid().ToString();
                break;
            case "right key, other client":
                payload["client_id"] = "somebody-else";
                break;
            case "right key, other audience":
                payload["aud"] = "https://other.example.test";
                break;
            case "two signatures":
                return $"{genuine}.{parts[2]}";
            case "nested":
                return $"{Base64Url.EncodeToString("{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"zip\":\"DEF\"}"u8)}..{parts[1]}.{parts[1]}.{parts[2]}";
            default:
                throw new ArgumentOutOfRangeException(nameof(forgery));
        }

        var signed = $"{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(header.ToJsonString()))}.{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(payload.ToJsonString()))}";
        return $"{signed}.{Base64Url.EncodeToString(sign(Encoding.ASCII.GetBytes(signed)))}";
    }
}
