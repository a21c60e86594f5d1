using System.Buffers.Text;
using System.Globalization;
using System.Net.Http;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Web;
using Activate.Identity.Testing;
using AngleSharp.Html.Dom;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Activate.Identity.Server.Tests.Conformance;

/// <summary>What an authorization request sent, and what came back to the redirect URI; <see cref="Answer"/> is null when the person was left on a page.</summary>
internal sealed record Visit(IReadOnlyDictionary<string, string> Sent, IReadOnlyDictionary<string, string>? Answer, int SignIns, int Consents, Pkce Pkce)
{
    public string? Error => Answer?.GetValueOrDefault("error");

    public string Code => Answer?.GetValueOrDefault("code") ?? throw new InvalidOperationException($"No code: {string.Join(' ', Answer ?? new Dictionary<string, string> { ["a page"] = "" })}");
}

/// <summary>The suite's client: it asks as a module says, lets a person sign in and allow, and checks every answer as the suite checks it in all modules.</summary>
internal sealed partial class RelyingParty(TestServer server, Discovery discovery, string id, string secret, bool pkce, bool formPost)
{
    public string Id => id;

    /// <summary>How it proves itself instead of by its secret: an assertion, made anew for each request.</summary>
    public Func<string>? Assertion { get; init; }

    [GeneratedRegex(@"^[\x20-\x21\x23-\x5B\x5D-\x7E]+$")]
    private static partial Regex ErrorText();

    [GeneratedRegex(@"^[A-Za-z0-9._~+/-]{22,}=*$")]
    private static partial Regex TokenText();

    private static string Random(int bytes = 24) => Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(bytes));

    /// <summary>An authorization request; <paramref name="changes"/> replace parameters, or remove them when null.</summary>
    public Dictionary<string, string> Request(out Pkce proof, params (string Name, string? Value)[] changes)
    {
        proof = Pkce.New();
        var request = new Dictionary<string, string?>
        {
            ["client_id"] = id, ["redirect_uri"] = TestServer.Callback, ["scope"] = "openid", ["response_type"] = "code", ["nonce"] = Random(),
            // It comes back as it was, whatever a page or an address makes of these characters.
            ["state"] = Random() + "\"'<&>+ %",
        };
        if (pkce)
            (request["code_challenge"], request["code_challenge_method"]) = (proof.Challenge, "S256");
        if (formPost)
            request["response_mode"] = "form_post";
        foreach (var (name, value) in changes)
            request[name] = value;
        return request.Where(parameter => parameter.Value is not null).ToDictionary(parameter => parameter.Key, parameter => parameter.Value!);
    }

    public Task<Visit> VisitAsync(Browser browser, params (string Name, string? Value)[] changes) => VisitAsync(browser, Request(out var proof, changes), proof);

    /// <summary>Opens the request and does what a person does: signs in when asked, and allows.</summary>
    public async Task<Visit> VisitAsync(Browser browser, IReadOnlyDictionary<string, string> request, Pkce proof, bool post = false, string decision = "Allow", IReadOnlyDictionary<string, string>? address = null)
    {
        var (signIns, consents) = (0, 0);
        address ??= request;
        if (post)
            await browser.SendAsync(new HttpRequestMessage(HttpMethod.Post, new Uri(server.Origin, discovery.AuthorizationEndpoint)) { Content = new FormUrlEncodedContent(address) }, follow: true);
        else
            await browser.GoAsync($"{discovery.AuthorizationEndpoint}?{string.Join('&', address.Select(parameter => $"{parameter.Key}={Uri.EscapeDataString(parameter.Value)}"))}");
        for (var steps = 0; steps < 5; steps++)
        {
            if (ReadAnswer(browser) is { } answer)
            {
                CheckAnswer(request, answer);
                return new Visit(request, answer, signIns, consents, proof);
            }

            if (browser.Page.QuerySelector("input[name=Password]") is not null)
            {
                signIns++;
                var named = browser.Page.QuerySelector("input[name=Username]") is not IHtmlInputElement { Type: not "hidden" } ? [] : new[] { ("Username", ConformanceServer.Username) };
                await browser.SubmitAsync("Sign in", [.. named, ("Password", TestServer.UserPassword)]);
            }
            else if (browser.Page.QuerySelectorAll("button").Any(button => button.TextContent.Trim() == decision))
            {
                consents++;
                await browser.SubmitAsync(decision);
            }
            else
            {
                break;
            }
        }

        return new Visit(request, null, signIns, consents, proof);
    }

    /// <summary>What the browser brings to the redirect URI now; null when it stays with the server.</summary>
    private Dictionary<string, string>? ReadAnswer(Browser browser)
    {
        if (browser.Response.Headers.Location is { } location)
        {
            Assert.False(formPost, $"The answer is to come as a form: {location}");
            Assert.InRange((int)browser.Response.StatusCode, 302, 303);
            Assert.StartsWith(TestServer.Callback + "?", location.OriginalString, StringComparison.Ordinal);
            Assert.Equal("", location.Fragment);
            return Pairs(HttpUtility.ParseQueryString(location.Query));
        }

        return browser.Page.QuerySelector($"form[action='{TestServer.Callback}']") is IHtmlFormElement form ? ReadForm(browser, form) : null;
    }

    /// <summary>OAuth 2.0 Form Post Response Mode: one form of hidden fields that sends itself to the redirect URI, and a policy under which it can do that and nothing else.</summary>
    private Dictionary<string, string> ReadForm(Browser browser, IHtmlFormElement form)
    {
        Assert.True(formPost, browser.Body);
        Assert.Equal((200, "text/html"), ((int)browser.Response.StatusCode, browser.Response.Content.Headers.ContentType?.MediaType));
        Assert.Equal(("post", null), (form.GetAttribute("method")?.ToLowerInvariant(), form.GetAttribute("enctype")));
        Assert.Single(browser.Page.QuerySelectorAll("form"));
        Assert.All(form.QuerySelectorAll("input:not([type=submit])"), input => Assert.Equal("hidden", input.GetAttribute("type")));
        Assert.DoesNotContain(browser.Page.All, element => element.Attributes.Any(attribute => attribute.Name.StartsWith("on", StringComparison.Ordinal) || attribute.Name == "style"));
        var script = Assert.Single(browser.Page.QuerySelectorAll("script"));
        Assert.Null(script.GetAttribute("src"));
        Assert.Contains("submit()", script.TextContent, StringComparison.Ordinal);
        var hash = Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(script.TextContent)));
        Assert.Equal($"default-src 'none'; script-src 'sha256-{hash}'; form-action {new Uri(TestServer.Callback).GetLeftPart(UriPartial.Authority)}; base-uri 'none'; frame-ancestors 'none'",
            browser.Response.Headers.GetValues("Content-Security-Policy").Single());
        Assert.Contains("no-store", browser.Response.Headers.CacheControl?.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("\"'<&>", browser.Body, StringComparison.Ordinal);
        return form.QuerySelectorAll("input[name]").Cast<IHtmlInputElement>().ToDictionary(input => input.Name!, input => input.Value);
    }

    private static Dictionary<string, string> Pairs(System.Collections.Specialized.NameValueCollection query)
    {
        Assert.DoesNotContain(query.AllKeys, key => query.GetValues(key)!.Length > 1);
        return query.AllKeys.ToDictionary(key => key!, key => query[key]!);
    }

    /// <summary>State and issuer in every answer; a code that cannot be guessed, or an error that has no code beside it.</summary>
    private void CheckAnswer(IReadOnlyDictionary<string, string> request, Dictionary<string, string> answer)
    {
        Assert.Equal(request.GetValueOrDefault("state"), answer.GetValueOrDefault("state"));
        // RFC 9207: said in the discovery document, so in every answer.
        Assert.Equal(discovery.Issuer, answer["iss"]);
        if (answer.TryGetValue("error", out var error))
        {
            Assert.Empty(answer.Keys.Except(["error", "error_description", "error_uri", "state", "iss"]));
            Assert.Matches(ErrorText(), error);
            if (answer.TryGetValue("error_description", out var description))
                Assert.Matches(ErrorText(), description);
        }
        else
        {
            Assert.Empty(answer.Keys.Except(["code", "state", "iss"]));
            Assert.Matches(TokenText(), answer["code"]);
        }
    }

    /// <summary>A code that was expected, redeemed, with all that the suite checks in tokens.</summary>
    public async Task<(Answer Answer, JsonWebToken IdToken)> TokensAsync(Visit visit, bool inBody = false)
    {
        var answer = await RedeemAsync(visit, inBody);
        CheckTokens(answer);
        return (answer, await CheckIdTokenAsync(answer, visit.Sent.GetValueOrDefault("nonce"), visit.Sent.ContainsKey("max_age")));
    }

    public Task<Answer> RedeemAsync(Visit visit, bool inBody = false, string? assertion = null) => TokenAsync(Redemption(visit), inBody, assertion);

    /// <summary>The fields of a token request, without those that prove the client.</summary>
    public static (string Name, string Value)[] Redemption(Visit visit) =>
    [
        ("grant_type", "authorization_code"), ("code", visit.Code), ("redirect_uri", TestServer.Callback),
        .. visit.Sent.ContainsKey("code_challenge") ? [("code_verifier", visit.Pkce.Verifier)] : Array.Empty<(string, string)>(),
    ];

    public Task<Answer> TokenAsync((string Name, string Value)[] fields, bool inBody = false, string? assertion = null) => PostAsync(discovery.TokenEndpoint, fields, inBody, assertion);

    /// <summary>Pushes an authorization request (RFC 9126).</summary>
    public Task<Answer> PushAsync(IReadOnlyDictionary<string, string> request, string? assertion = null) =>
        PostAsync(discovery.PushEndpoint, [.. request.Where(parameter => parameter.Key != "client_id").Select(parameter => (parameter.Key, parameter.Value))], inBody: false, assertion);

    private Task<Answer> PostAsync(string endpoint, (string Name, string Value)[] fields, bool inBody, string? assertion)
    {
        if ((assertion ?? Assertion?.Invoke()) is { } proof)
            return server.PostFormAsync(endpoint, [.. fields, ("client_id", id), ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"), ("client_assertion", proof)]);
        // RFC 6749 §2.3.1: form-encoded first.
        return inBody
            ? server.PostFormAsync(endpoint, [.. fields, ("client_id", id), ("client_secret", secret)])
            : server.PostFormAsync(endpoint, fields, authorization: TestServer.Basic(HttpUtility.UrlEncode(id), HttpUtility.UrlEncode(secret)));
    }

    public static void CheckTokens(Answer answer)
    {
        Assert.True(answer.Status == 200, answer.ToString());
        Assert.Equal("application/json", answer.Response.Content.Headers.ContentType?.MediaType);
        Assert.Contains("no-store", answer.Header("Cache-Control"), StringComparison.Ordinal);
        Assert.Equal("bearer", answer.Text("token_type"), ignoreCase: true);
        Assert.Matches(TokenText(), answer.Text("access_token"));
        Assert.True(answer.Json.GetProperty("expires_in").GetInt64() > 0);
        if (answer.Has("refresh_token"))
            Assert.Matches(TokenText(), answer.Text("refresh_token"));
    }

    /// <summary>OpenID Connect Core §3.1.3.7, and §5.1 for the claims that have a type.</summary>
    public async Task<JsonWebToken> CheckIdTokenAsync(Answer tokens, string? nonce, bool authTime = false)
    {
        var result = await new JsonWebTokenHandler().ValidateTokenAsync(tokens.Text("id_token"), new TokenValidationParameters
        {
            ValidIssuer = discovery.Issuer, ValidAudience = id, ValidAlgorithms = ["RS256"], IssuerSigningKeys = discovery.Keys, TryAllIssuerSigningKeys = false, RequireExpirationTime = true,
            LifetimeValidator = (_, expires, _, _) => expires > server.Now,
        });
        Assert.True(result.IsValid, result.Exception?.ToString());
        var token = (JsonWebToken)result.SecurityToken;
        Assert.NotEmpty(token.Kid);
        Assert.Equal([id], token.Audiences);
        Assert.InRange(Seconds(token, "iat"), Now - 60, Now);
        var payload = Payload(token);
        Assert.Equal(nonce, payload.TryGetProperty("nonce", out var came) ? came.GetString() : null);
        Assert.Equal(id, payload.TryGetProperty("azp", out var party) ? party.GetString() : id);
        Assert.Matches(@"^[\x20-\x7E]{1,255}$", token.Subject);
        if (payload.TryGetProperty("at_hash", out var hash))
            Assert.Equal(Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(tokens.Text("access_token"))).AsSpan(0, 16)), hash.GetString());
        Assert.True(!authTime || payload.TryGetProperty("auth_time", out _), "max_age asks for auth_time.");
        if (payload.TryGetProperty("auth_time", out _))
            Assert.True(Seconds(token, "auth_time") <= Now);
        if (payload.TryGetProperty("acr", out var acr))
            Assert.Equal(JsonValueKind.String, acr.ValueKind);
        CheckStandardClaims(payload);
        return token;
    }

    /// <summary>OpenID Connect Core §5.1: the types of what is there, and nothing that is there and empty.</summary>
    private static void CheckStandardClaims(JsonElement claims)
    {
        foreach (var claim in claims.EnumerateObject())
        {
            var expected = claim.Name switch
            {
                "email_verified" or "phone_number_verified" => claim.Value.ValueKind is JsonValueKind.True or JsonValueKind.False,
                "updated_at" => claim.Value.ValueKind == JsonValueKind.Number,
                "address" => claim.Value.ValueKind == JsonValueKind.Object,
                "sub" or "name" or "given_name" or "family_name" or "middle_name" or "nickname" or "preferred_username" or "profile" or "picture" or "website" or "email" or "gender" or "birthdate" or "zoneinfo"
                    or "locale" or "phone_number" => claim.Value.ValueKind == JsonValueKind.String && claim.Value.GetString()!.Length > 0,
                _ => claim.Value.ValueKind != JsonValueKind.Null,
            };
            Assert.True(expected, $"{claim.Name}: {claim.Value}");
        }
    }

    public long Now => new DateTimeOffset(server.Now).ToUnixTimeSeconds();

    public static JsonElement Payload(JsonWebToken token) => JsonDocument.Parse(Base64Url.DecodeFromChars(token.EncodedPayload)).RootElement;

    public static long Seconds(JsonWebToken token, string claim) => long.Parse(token.GetClaim(claim).Value, CultureInfo.InvariantCulture);

    /// <summary>Userinfo, checked: the same person as in the ID token.</summary>
    public async Task<JsonElement> UserInfoAsync((Answer Answer, JsonWebToken IdToken) tokens, HttpMethod? method = null, bool inBody = false, string scheme = "Bearer")
    {
        var answer = await AskUserInfoAsync(tokens.Answer.Text("access_token"), method, inBody, scheme);
        Assert.True(answer.Status == 200, answer.ToString());
        Assert.Equal("application/json", answer.Response.Content.Headers.ContentType?.MediaType);
        Assert.Equal(tokens.IdToken.Subject, answer.Text("sub"));
        CheckStandardClaims(answer.Json);
        return answer.Json;
    }

    public async Task<Answer> AskUserInfoAsync(string accessToken, HttpMethod? method = null, bool inBody = false, string scheme = "Bearer")
    {
        using var client = server.Client();
        using var request = new HttpRequestMessage(method ?? HttpMethod.Get, new Uri(server.Origin, discovery.UserInfoEndpoint));
        if (inBody)
            request.Content = new FormUrlEncodedContent([new("access_token", accessToken)]);
        else
            request.Headers.TryAddWithoutValidation("Authorization", $"{scheme} {accessToken}");
        return await Answer.FromAsync(await client.SendAsync(request));
    }

    /// <summary>The plain flow to its end.</summary>
    public async Task<(Answer Answer, JsonWebToken IdToken)> SignInAsync(Browser browser, params (string Name, string? Value)[] changes) => await TokensAsync(await VisitAsync(browser, changes));
}
