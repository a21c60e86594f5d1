using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Testing;

namespace Activate.Identity.Server.Tests.Connect;

/// <summary>private_key_jwt (RFC 7523): an application that registered its public keys signs who it is, and nothing else proves it.</summary>
public sealed class ClientAssertionTests(SharedServerWithClock shared) : IClassFixture<SharedServerWithClock>
{
    private const string AssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    private static readonly RSA s_rsa = RSA.Create(2048);
    private static readonly RSA s_otherRsa = RSA.Create(2048);
    private static readonly ECDsa s_ec = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private static readonly string[] s_redirects = [TestServer.Callback];
    private static readonly string[] s_grants = ["authorization_code", "client_credentials"];
    private static readonly string[] s_scopes = ["openid", "platform"];
    private readonly TestServer _server = shared.Server;

    public static TheoryData<string> Endpoints => ["/connect/token", "/connect/par", "/connect/introspect", "/connect/revoke"];

    private static object PublicKeys()
    {
        var (rsa, point) = (s_rsa.ExportParameters(false), s_ec.ExportParameters(false).Q);
        return new
        {
            keys = new object[]
            {
                new { kty = "RSA", n = Base64Url.EncodeToString(rsa.Modulus), e = Base64Url.EncodeToString(rsa.Exponent), kid = "rsa" },
                new { kty = "EC", crv = "P-256", x = Base64Url.EncodeToString(point.X), y = Base64Url.EncodeToString(point.Y), kid = "ec" },
            },
        };
    }

    /// <summary>Registered by an administrator, as the contract says; another one of the same keys is another client nevertheless.</summary>
    private async Task<string> RegisterAsync()
    {
        var session = await _server.GrantAsync((await _server.AddUserAsync(Role.Owner, shared.NewName())).Id);
        var created = await _server.PostAsync("/api/v1/organization/applications", session,
            new { name = shared.NewName("keyed"), type = "web", redirectUris = s_redirects, grants = s_grants, scopes = s_scopes, jwks = PublicKeys() });
        Assert.True(created.Status == 201, created.ToString());
        Assert.False(created.Has("clientSecret"));
        return created.Text("clientId");
    }

    private Task<Answer> AskAsync(string endpoint, params (string Name, string Value)[] proof)
    {
        (string, string)[] fields = endpoint switch
        {
            "/connect/token" => [("grant_type", "client_credentials"), ("scope", "platform")],
            "/connect/par" => [("response_type", "code"), ("redirect_uri", TestServer.Callback), ("scope", "openid"), ("code_challenge", Pkce.New().Challenge), ("code_challenge_method", "S256")],
            _ => [("token", "x")],
        };
        return _server.PostFormAsync(endpoint, [.. fields, .. proof]);
    }

    private Task<Answer> AssertAsync(string endpoint, string client, string assertion) =>
        AskAsync(endpoint, ("client_id", client), ("client_assertion_type", AssertionType), ("client_assertion", assertion));

    private string Sign(string client, Action<JsonObject, JsonObject>? change = null, Func<byte[], byte[]>? sign = null)
    {
        var now = new DateTimeOffset(_server.Now).ToUnixTimeSeconds();
        var header = new JsonObject { ["alg"] = "RS256", ["kid"] = "rsa", ["typ"] = "client-authentication+jwt" };
        var payload = new JsonObject
        {
            ["iss"] = client, ["sub"] = client, ["aud"] = _server.Origin.ToString(), ["iat"] = now, ["exp"] = now + 60, ["jti"] = shared.NewName("jti"),
        };
        change?.Invoke(header, payload);
        var signed = $"{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(header.ToJsonString()))}.{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(payload.ToJsonString()))}";
        return $"{signed}.{Base64Url.EncodeToString((sign ?? Rs(s_rsa))(Encoding.ASCII.GetBytes(signed)))}";
    }

    private static Func<byte[], byte[]> Rs(RSA key) => data => key.SignData(data, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);

    private static Func<byte[], byte[]> Hs(byte[] key) => data => HMACSHA256.HashData(key, data);

    private static void AssertAccepted(Answer answer, string endpoint) =>
        Assert.True(answer.Status == (endpoint == "/connect/par" ? 201 : 200) && !answer.Has("error"), $"{endpoint}: {answer}");

    /// <summary>RFC 7521 §4.2.1.</summary>
    private static void AssertRefused(Answer answer, string endpoint) => Assert.True(answer is { Status: 401, Error: "invalid_client" }, $"{endpoint}: {answer}");

    [Theory, MemberData(nameof(Endpoints))]
    public async Task Its_own_signature_proves_an_application_with_either_key_and_whatever_name_its_library_gives_the_type(string endpoint)
    {
        var client = await RegisterAsync();
        AssertAccepted(await AssertAsync(endpoint, client, Sign(client)), endpoint);
        AssertAccepted(await AssertAsync(endpoint, client, Sign(client, (header, _) => (header["alg"], header["kid"]) = ("ES256", "ec"), data => s_ec.SignData(data, HashAlgorithmName.SHA256))), endpoint);
        AssertAccepted(await AssertAsync(endpoint, client, Sign(client, (header, _) => header["typ"] = "JWT")), endpoint);
        AssertAccepted(await AssertAsync(endpoint, client, Sign(client, (header, _) => header.Remove("typ"))), endpoint);
        // The assertion names the client (RFC 7521 §4.2); only a pushed request names it, too, like any authorization request.
        if (endpoint != "/connect/par")
            AssertAccepted(await AskAsync(endpoint, ("client_assertion_type", AssertionType), ("client_assertion", Sign(client))), endpoint);
    }

    public static TheoryData<string> Forgeries =>
    [
        "other key", "other key, no kid", "other key in jwk", "alg none", "alg none with the signature", "HS256 with the public key as PEM", "HS256 with the public key as DER", "HS256 with the modulus",
        "HS256 with an empty key", "other audience", "audience of another path", "no audience", "expired", "no end", "other subject", "other issuer", "no issuer", "no subject", "type of an access token",
        "type of a request object", "other client's", "cut", "garbage",
    ];

    [Theory, Trait("Case", "J2"), MemberData(nameof(Forgeries))]
    public async Task An_assertion_that_is_not_right_proves_nobody_anywhere(string forgery)
    {
        var (client, other) = (await RegisterAsync(), await RegisterAsync());
        foreach (var endpoint in Endpoints)
        {
            AssertRefused(await AssertAsync(endpoint, client, Forge(forgery, client, other)), endpoint);
            AssertAccepted(await AssertAsync(endpoint, client, Sign(client)), endpoint);
        }
    }

    private string Forge(string forgery, string client, string other)
    {
        var jwk = s_otherRsa.ExportParameters(false);
        return forgery switch
        {
            "other key" => Sign(client, sign: Rs(s_otherRsa)),
            "other key, no kid" => Sign(client, (header, _) => header.Remove("kid"), Rs(s_otherRsa)),
            "other key in jwk" => Sign(client, (header, _) => header["jwk"] = new JsonObject
            {
                ["kty"] = "RSA", ["n"] = Base64Url.EncodeToString(jwk.Modulus), ["e"] = Base64Url.EncodeToString(jwk.Exponent), ["kid"] = "rsa",
            }, Rs(s_otherRsa)),
            "alg none" => Sign(client, (header, _) => header["alg"] = "none", _ => []),
            "alg none with the signature" => Sign(client, (header, _) => header["alg"] = "none"),
            "HS256 with the public key as PEM" => Sign(client, (header, _) => header["alg"] = "HS256", Hs(Encoding.ASCII.GetBytes(s_rsa.ExportSubjectPublicKeyInfoPem()))),
            "HS256 with the public key as DER" => Sign(client, (header, _) => header["alg"] = "HS256", Hs(s_rsa.ExportSubjectPublicKeyInfo())),
            "HS256 with the modulus" => Sign(client, (header, _) => header["alg"] = "HS256", Hs(s_rsa.ExportParameters(false).Modulus!)),
            "HS256 with an empty key" => Sign(client, (header, _) => header["alg"] = "HS256", Hs([])),
            "other audience" => Sign(client, (_, payload) => payload["aud"] = "https://evil.test/"),
            "audience of another path" => Sign(client, (_, payload) => payload["aud"] = $"{_server.Origin}connect"),
            "no audience" => Sign(client, (_, payload) => payload.Remove("aud")),
            "expired" => Sign(client, (_, payload) => payload["exp"] = new DateTimeOffset(_server.Now).ToUnixTimeSeconds() - 600),
            "no end" => Sign(client, (_, payload) => payload.Remove("exp")),
            "other subject" => Sign(client, (_, payload) => payload["sub"] = other),
            "other issuer" => Sign(client, (_, payload) => payload["iss"] = other),
            "no issuer" => Sign(client, (_, payload) => payload.Remove("iss")),
            "no subject" => Sign(client, (_, payload) => payload.Remove("sub")),
            "type of an access token" => Sign(client, (header, _) => header["typ"] = "at+jwt"),
            "type of a request object" => Sign(client, (header, _) => header["typ"] = "oauth-authz-req+jwt"),
            "other client's" => Sign(other),
            "cut" => Sign(client)[..^10],
            "garbage" => "ey.ey.ey",
            _ => throw new ArgumentOutOfRangeException(nameof(forgery)),
        };
    }

    [Theory, MemberData(nameof(Endpoints))]
    public async Task A_secret_is_refused_for_an_application_with_keys_and_an_assertion_for_one_with_a_secret(string endpoint)
    {
        var client = await RegisterAsync();
        foreach (var secret in new[] { "s3cret", "x", "sha256$" })
            AssertRefused(await AskAsync(endpoint, ("client_id", client), ("client_secret", secret)), endpoint);
        var without = await AskAsync(endpoint, ("client_id", client));
        Assert.True(without.Status is 400 or 401 && without.Error is "invalid_client" or "invalid_request", without.ToString());
        AssertRefused(await AskAsync(endpoint, ("client_id", client), ("client_secret", Sign(client))), endpoint);
        var withSecret = shared.NewName("app");
        await _server.RegisterApplicationAsync(withSecret, "s3cret");
        AssertRefused(await AssertAsync(endpoint, withSecret, Sign(withSecret)), endpoint);
        // Both at once are refused (RFC 6749 §2.3), even where the assertion is right.
        var both = await AskAsync(endpoint, ("client_id", client), ("client_secret", "x"), ("client_assertion_type", AssertionType), ("client_assertion", Sign(client)));
        Assert.True(both.Status is 400 or 401 && both.Error is "invalid_client" or "invalid_request", both.ToString());
    }
}
