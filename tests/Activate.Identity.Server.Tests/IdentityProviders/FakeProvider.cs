using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Activate.Identity.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Activate.Identity.Server.Tests.IdentityProviders;

/// <summary>An OpenID Connect provider that does whatever a test wants, honest or not.</summary>
internal sealed class FakeProvider : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly Queue<Dictionary<string, string>> _requests = new();
    private RSA _key = RSA.Create(2048);

    private FakeProvider(int port)
    {
        Issuer = $"http://localhost:{port}";
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls($"http://127.0.0.1:{port}").UseSetting("suppressStatusMessages", "true");
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.AddServerHeader = false);
        _app = builder.Build();
        _app.Run(AnswerAsync);
    }

    public string Issuer { get; }

    /// <summary>Of the ID token, beside iss, aud, iat and exp; a value of null takes one of those away.</summary>
    public Dictionary<string, object?> Claims { get; set; } = new() { ["sub"] = "1" };

    public Dictionary<string, object?>? UserInfo { get; set; }

    /// <summary>Changes of the discovery document.</summary>
    public Dictionary<string, object?> Document { get; } = [];

    /// <summary>Answers in place of the usual one; true: it did.</summary>
    public Func<HttpContext, Task<bool>> Mood { get; set; } = _ => Task.FromResult(false);

    /// <summary>In place of the honest signature.</summary>
    public Func<Dictionary<string, object?>, string>? Sign { get; set; }

    /// <summary>What the token endpoint was asked.</summary>
    public IReadOnlyCollection<Dictionary<string, string>> TokenRequests => _requests;

    public Func<DateTimeOffset> Now { get; set; } = TimeProvider.System.GetUtcNow;

    public int DocumentReads { get; private set; }

    public RSA Key => _key;

    public static async Task<FakeProvider> StartAsync()
    {
        var provider = new FakeProvider(PostgreSqlServer.FreePort());
        await provider._app.StartAsync();
        return provider;
    }

    /// <summary>From now on it signs with another key, and publishes that alone.</summary>
    public void Rotate() => _key = RSA.Create(2048);

    public string SignWith(SigningCredentials? credentials, Dictionary<string, object?> claims) =>
        new JsonWebTokenHandler { SetDefaultTimesOnTokenCreation = false } is var handler && credentials is not null
            ? handler.CreateToken(JsonSerializer.Serialize(claims), credentials)
            : handler.CreateToken(JsonSerializer.Serialize(claims));

    public SigningCredentials Credentials() => new(new RsaSecurityKey(_key) { KeyId = KeyId }, SecurityAlgorithms.RsaSha256) { CryptoProviderFactory = new CryptoProviderFactory { CacheSignatureProviders = false } };

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
        _key.Dispose();
    }

    private string KeyId => Convert.ToHexString(SHA256.HashData(_key.ExportSubjectPublicKeyInfo()))[..16];

    private async Task AnswerAsync(HttpContext context)
    {
        if (context.Request.Path == "/.well-known/openid-configuration")
            DocumentReads++;
        if (await Mood(context))
            return;
        switch (context.Request.Path.Value)
        {
            case "/.well-known/openid-configuration":
                await JsonAsync(context, new Dictionary<string, object?>
                {
                    ["issuer"] = Issuer, ["authorization_endpoint"] = $"{Issuer}/authorize", ["token_endpoint"] = $"{Issuer}/token", ["jwks_uri"] = $"{Issuer}/jwks",
                    ["userinfo_endpoint"] = UserInfo is null ? null : $"{Issuer}/userinfo", ["response_types_supported"] = new[] { "code" }, ["subject_types_supported"] = new[] { "public" },
                    ["id_token_signing_alg_values_supported"] = new[] { "RS256" }, ["scopes_supported"] = new[] { "openid", "profile", "email" }, ["code_challenge_methods_supported"] = new[] { "S256" },
                    ["token_endpoint_auth_methods_supported"] = new[] { "client_secret_basic", "client_secret_post" }, ["authorization_response_iss_parameter_supported"] = true,
                }.Concat(Document).GroupBy(pair => pair.Key).Select(group => group.Last()).Where(pair => pair.Value is not null).ToDictionary());
                break;
            case "/jwks":
                var parameters = _key.ExportParameters(false);
                await JsonAsync(context, new { keys = new[] { new { kty = "RSA", use = "sig", alg = "RS256", kid = KeyId, n = Base64UrlEncoder.Encode(parameters.Modulus!), e = Base64UrlEncoder.Encode(parameters.Exponent!) } } });
                break;
            case "/token":
                _requests.Enqueue((await context.Request.ReadFormAsync()).ToDictionary(pair => pair.Key, pair => pair.Value.ToString()));
                await JsonAsync(context, new { access_token = "opaque", token_type = "Bearer", expires_in = 300, id_token = IdToken() });
                break;
            case "/userinfo":
                await JsonAsync(context, UserInfo);
                break;
            default:
                context.Response.StatusCode = 404;
                break;
        }
    }

    private string IdToken()
    {
        var now = Now().ToUnixTimeSeconds();
        var claims = new Dictionary<string, object?> { ["iss"] = Issuer, ["aud"] = "activate", ["iat"] = now, ["exp"] = now + 300 };
        foreach (var (name, value) in Claims)
            claims[name] = value;
        claims = claims.Where(pair => pair.Value is not null).ToDictionary();
        return Sign?.Invoke(claims) ?? SignWith(Credentials(), claims);
    }

    private static Task JsonAsync(HttpContext context, object? body)
    {
        context.Response.ContentType = "application/json";
        return context.Response.Body.WriteAsync(Encoding.UTF8.GetBytes(JsonSerializer.Serialize(body))).AsTask();
    }
}
