using System.Buffers.Text;
using System.Text.Json;
using Activate.Identity.Testing;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Activate.Identity.Server.Tests.Keys;

/// <summary><c>/.well-known/jwks</c> as others see it.</summary>
internal static class PublicKeySet
{
    public const string Path = "/.well-known/jwks";

    /// <summary>The keys, after a look at each: public members only, and a <c>kid</c> of its own that is its thumbprint.</summary>
    public static List<JsonElement> Read(Answer answer)
    {
        Assert.True(answer.Status == 200, answer.ToString());
        Assert.Equal(["keys"], answer.Json.EnumerateObject().Select(member => member.Name));
        var keys = answer.Json.GetProperty("keys").EnumerateArray().ToList();
        foreach (var key in keys)
        {
            var (kty, alg) = (key.GetProperty("kty").GetString()!, key.GetProperty("alg").GetString()!);
            Assert.Equal(kty == "RSA" ? ["alg", "e", "kid", "kty", "n", "use"] : ["alg", "crv", "kid", "kty", "use", "x", "y"], key.EnumerateObject().Select(member => member.Name).Order(StringComparer.Ordinal));
            Assert.Equal("sig", key.GetProperty("use").GetString());
            Assert.Contains((kty, alg), ((string, string)[])[("RSA", "RS256"), ("EC", "ES256")]);
            if (kty == "RSA")
                Assert.True(Base64Url.DecodeFromChars(key.GetProperty("n").GetString()).Length >= 256);
            else
                Assert.Equal("P-256", key.GetProperty("crv").GetString());
            Assert.Equal(key.GetProperty("kid").GetString(), Base64Url.EncodeToString(new JsonWebKey(key.GetRawText()).ComputeJwkThumbprint()));
        }

        Assert.Equal(keys.Count, keys.Select(key => key.GetProperty("kid").GetString()).Distinct().Count());
        return keys;
    }

    public static async Task<Answer> GetKeySetAsync(this TestServer server, int node = 0, string? ifNoneMatch = null)
    {
        using var client = server.Client(node);
        using var request = new HttpRequestMessage(HttpMethod.Get, Path);
        if (ifNoneMatch is not null)
            request.Headers.TryAddWithoutValidation("If-None-Match", ifNoneMatch);
        return await Answer.FromAsync(await client.SendAsync(request));
    }

    public static async Task<List<string>> GetKidsAsync(this TestServer server, int node = 0) => [.. Read(await server.GetKeySetAsync(node)).Select(key => key.GetProperty("kid").GetString()!)];

    public static string KidOf(string token) => new JsonWebToken(token).Kid;
}

/// <summary>
/// A resource server that verifies by itself and never looks anything up twice: it keeps the key set exactly as long as its Cache-Control says, and refuses a
/// token whose key it does not know.
/// </summary>
internal sealed class CachingVerifier(TestServer server, int node)
{
    private List<SecurityKey> _keys = [];
    private DateTime _until;

    public int Fetches { get; private set; }

    public async Task<bool> VerifiesAsync(string token)
    {
        if (server.Now >= _until)
        {
            var answer = await server.GetKeySetAsync(node);
            _keys = [.. PublicKeySet.Read(answer).Select(key => new JsonWebKey(key.GetRawText()))];
            _until = server.Now + answer.Response.Headers.CacheControl!.MaxAge!.Value;
            Fetches++;
        }

        var result = await new JsonWebTokenHandler().ValidateTokenAsync(token, new TokenValidationParameters
        {
            ValidIssuer = server.Origin.ToString(), ValidAudience = $"{server.Origin}api", ValidTypes = ["at+jwt"], IssuerSigningKeys = _keys, TryAllIssuerSigningKeys = false,
            // Its time is the test's.
            LifetimeValidator = (_, expires, _, _) => expires > server.Now,
        });
        return result.IsValid;
    }
}
