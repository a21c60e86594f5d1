using System.Text.Json;
using System.Text.RegularExpressions;
using Activate.Identity.Testing;

namespace Activate.Identity.Server.Tests.Conformance;

/// <summary>The module of Config OP: the discovery document, member by member.</summary>
public sealed partial class ConfigOpTests(ConformanceServer shared) : ConformanceTests(shared)
{
    [GeneratedRegex(@"^[\x21\x23-\x5B\x5D-\x7E]+$")]
    private static partial Regex ScopeText();

    [GeneratedRegex("^[a-z]{2,8}(-[A-Za-z0-9]{1,8})*$")]
    private static partial Regex LocaleText();

    [Module("oidcc-discovery-endpoint-verification")]
    public void Discovery_endpoint_verification()
    {
        var document = Discovery.Answer;
        Assert.Equal((200, "application/json"), (document.Status, document.Response.Content.Headers.ContentType?.MediaType));
        AssertIssuer(document);
        AssertTypes(document.Json);
        Assert.Contains("code", Discovery.Values("response_types_supported"));
        Assert.All(Discovery.Values("subject_types_supported"), type => Assert.Contains(type, new[] { "public", "pairwise" }));
        Assert.Contains("RS256", Discovery.Values("id_token_signing_alg_values_supported"));
        AssertAllHttps(Discovery);
        foreach (var endpoint in new[] { "authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri" })
            Assert.True(document.Has(endpoint), endpoint);
        AssertKeys();
        Assert.Contains("sub", Discovery.Values("claims_supported"));
        Assert.Contains("authorization_code", Discovery.Values("grant_types_supported"));
        Assert.Contains("openid", Discovery.Values("scopes_supported"));
        Assert.All(Discovery.Values("scopes_supported"), scope => Assert.Matches(ScopeText(), scope));
        foreach (var locales in new[] { "ui_locales_supported", "claims_locales_supported" })
            Assert.All(document.Has(locales) ? Discovery.Values(locales) : [], locale => Assert.Matches(LocaleText(), locale));
        Assert.Equal(JsonValueKind.Array, document.Json.GetProperty("code_challenge_methods_supported").ValueKind);
    }

    /// <summary>The URL of the document is the issuer and the well-known path; the issuer is https, with no query and no fragment.</summary>
    private void AssertIssuer(Answer document)
    {
        var issuer = new Uri(document.Text("issuer"));
        Assert.Equal(new Uri(Server.Origin, Discovery.Path).ToString(), $"{issuer.ToString().TrimEnd('/')}{Discovery.Path}");
        Assert.Equal(("https", "", "", ""), (issuer.Scheme, issuer.Query, issuer.Fragment, issuer.UserInfo));
    }

    /// <summary>OpenID Connect Discovery §3, RFC 8414 §2: lists are lists of strings, each once; flags are flags; everything else is text.</summary>
    private static void AssertTypes(JsonElement document)
    {
        foreach (var member in document.EnumerateObject())
        {
            var list = member.Name is "acr_values_supported" || (member.Name.EndsWith("s_supported", StringComparison.Ordinal) && member.Value.ValueKind == JsonValueKind.Array);
            if (list)
            {
                Assert.All(member.Value.EnumerateArray(), value => Assert.Equal(JsonValueKind.String, value.ValueKind));
                var values = member.Value.EnumerateArray().Select(value => value.GetString()!).ToList();
                Assert.True(values.Count > 0 && values.Distinct(StringComparer.Ordinal).Count() == values.Count, member.ToString());
            }
            else if (member.Name.EndsWith("_supported", StringComparison.Ordinal) || member.Name.StartsWith("require_", StringComparison.Ordinal) || member.Name == "tls_client_certificate_bound_access_tokens")
            {
                Assert.True(member.Value.ValueKind is JsonValueKind.True or JsonValueKind.False, member.ToString());
            }
            else
            {
                Assert.True(member.Value.ValueKind == JsonValueKind.String, member.ToString());
            }
        }
    }

    internal static void AssertAllHttps(Discovery discovery)
    {
        foreach (var member in discovery.Answer.Json.EnumerateObject().Where(member => member.Name.EndsWith("_endpoint", StringComparison.Ordinal) || member.Name.EndsWith("_uri", StringComparison.Ordinal)))
            Assert.True(Uri.TryCreate(member.Value.GetString(), UriKind.Absolute, out var address) && address.Scheme == "https", member.ToString());
    }

    private void AssertKeys()
    {
        Assert.Equal((200, "https"), (Discovery.KeySet.Status, new Uri(Discovery.Answer.Text("jwks_uri")).Scheme));
        var keys = Discovery.KeySet.Json.GetProperty("keys").EnumerateArray().ToList();
        Assert.NotEmpty(keys);
        Assert.Equal(keys.Count, keys.Select(key => key.GetProperty("kid").GetString()).Distinct().Count());
        foreach (var key in keys)
        {
            Assert.Equal("sig", key.GetProperty("use").GetString());
            foreach (var secret in new[] { "d", "p", "q", "dp", "dq", "qi", "k" })
                Assert.False(key.TryGetProperty(secret, out _), secret);
        }
    }
}
