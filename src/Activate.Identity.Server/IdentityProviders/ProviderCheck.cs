using System.Net;
using System.Text.Json;
using Activate.Identity.Core.IdentityProviders;
using Activate.Identity.Data.IdentityProviders;
using Activate.Identity.Server.Web;

namespace Activate.Identity.Server.IdentityProviders;

/// <summary>One thing about a provider that was looked at.</summary>
/// <param name="Good">False: people cannot sign in, or not safely, until it is changed.</param>
/// <param name="Text">What was found, and what to do about it.</param>
public sealed record ProviderFinding(bool Good, string Text);

/// <summary>
/// Reads what a provider publishes, as a sign-in does, and says plainly what is wrong. What it has received it does not show: otherwise it would read to people what only the server
/// can reach.
/// </summary>
public sealed class ProviderCheck(IHttpClientFactory clients, ProviderRegistrations providers)
{
    /// <summary>In the order in which it looks; it ends with the first thing without which the rest means nothing.</summary>
    public async Task<IReadOnlyList<ProviderFinding>> RunAsync(IdentityProvider provider, CancellationToken cancellationToken)
    {
        var findings = new List<ProviderFinding>();
        var address = ProviderRegistrations.DocumentAddress(provider.Issuer);
        using var client = clients.CreateClient(IdentityProvidersSetup.CheckClient);
        using var document = await ReadAsync(client, address, "the discovery document", findings, cancellationToken);
        if (document is null)
            return findings;
        var root = document.RootElement;
        var issuer = Text(root, "issuer");
        findings.Add(issuer == provider.Issuer ? new(true, $"It says that its issuer is {provider.Issuer}.")
            : Uri.TryCreate(issuer, UriKind.Absolute, out var said) && said == new Uri(provider.Issuer) ? new(true, "It says that its issuer is the one that you gave, but for a slash at the end.")
            : new(false, "It says that it has another issuer. Delete this provider, and add it with the issuer that stands in its discovery document."));
        foreach (var name in (string[])["authorization_endpoint", "token_endpoint", "jwks_uri"])
        {
            if (!Uri.TryCreate(Text(root, name), UriKind.Absolute, out var endpoint))
                findings.Add(new(false, $"Its discovery document has no {name}: it is no OpenID Connect provider for signing people in."));
            else if (!IdentityProviderRules.IsSecure(endpoint, providers.AllowsLoopback))
                findings.Add(new(false, $"Its {name} does not begin with https://, so nothing about it could be trusted."));
        }

        if (Lacks(root, "response_types_supported", "code"))
            findings.Add(new(false, "It does not have the authorization code flow (response type 'code'), which is the only one used here."));
        findings.Add(!root.TryGetProperty("code_challenge_methods_supported", out _) ? new(true, "It does not say whether it knows PKCE; it is used all the same.")
            : Lacks(root, "code_challenge_methods_supported", "S256") ? new(false, "It does not know PKCE with S256. Switch it on there.")
            : new(true, "It knows PKCE."));
        findings.Add(Says(root, "authorization_response_iss_parameter_supported") ? new(true, "It names itself in its answers, against mix-ups with other providers (RFC 9207).")
            : new(true, "It does not name itself in its answers (RFC 9207); signature and nonce are looked at all the same."));
        foreach (var scope in provider.Read().Scopes.Where(scope => Lacks(root, "scopes_supported", scope)))
            findings.Add(new(true, $"Its list of scopes has no '{scope}'. If sign-ins fail with invalid_scope, take it out."));
        if (findings.Exists(finding => !finding.Good))
            return findings;

        using var keys = await ReadAsync(client, Text(root, "jwks_uri")!, "its keys", findings, cancellationToken);
        if (keys is not null)
        {
            var signing = keys.RootElement.TryGetProperty("keys", out var list) && list.ValueKind == JsonValueKind.Array
                ? list.EnumerateArray().Count(key => Text(key, "kty") is "RSA" or "EC" && Text(key, "use") is null or "sig")
                : 0;
            findings.Add(signing > 0 ? new(true, $"It publishes {Texts.Count(signing, "key")} that can sign.") : new(false, "It publishes no RSA or EC key that signs: nothing that it says could be checked."));
        }

        if (findings.TrueForAll(finding => finding.Good))
            findings.Add(new(true, $"What it publishes is in order. Whether it knows our client id and secret shows when somebody signs in; it has to allow the redirect URI {providers.RedirectUri}."));
        return findings;
    }

    private static async Task<JsonDocument?> ReadAsync(HttpClient client, string address, string what, List<ProviderFinding> findings, CancellationToken cancellationToken)
    {
        try
        {
            using var answer = await client.GetAsync(address, cancellationToken);
            if (answer.StatusCode != HttpStatusCode.OK)
            {
                findings.Add(new(false, (int)answer.StatusCode is >= 300 and < 400
                    ? $"{address} leads elsewhere by a redirect, which is not followed. The issuer has to be the address where {what} is."
                    : $"{address} answered with status {(int)answer.StatusCode} instead of 200. Check the issuer."));
                return null;
            }

            var document = JsonDocument.Parse(await answer.Content.ReadAsByteArrayAsync(cancellationToken));
            if (document.RootElement.ValueKind == JsonValueKind.Object)
            {
                findings.Add(new(true, $"{address} answers."));
                return document;
            }

            document.Dispose();
            findings.Add(new(false, $"{address} answered with something that is not {what}."));
        }
        catch (JsonException)
        {
            findings.Add(new(false, $"{address} answered with something that is no JSON, perhaps a web page. Check the issuer."));
        }
        catch (Exception exception) when (exception is HttpRequestException or OperationCanceledException && !cancellationToken.IsCancellationRequested)
        {
            var cause = exception;
            while (cause.InnerException is not null && cause is not OutboundRefusedException)
                cause = cause.InnerException;
            findings.Add(new(false, cause is OutboundRefusedException ? cause.Message
                : exception is OperationCanceledException ? $"{address} did not answer within {Outbound.Timeout.TotalSeconds:0} seconds."
                : exception is HttpRequestException { HttpRequestError: HttpRequestError.ConfigurationLimitExceeded } ? $"{address} answered with more than {Outbound.LargestAnswer / 1024} KB, which is not {what}."
                : $"{address} cannot be reached: {Word(exception)}."));
        }

        return null;
    }

    /// <summary>Whether a port is closed or filtered is not for everybody to know of a network.</summary>
    private static string Word(Exception exception) => exception is HttpRequestException request
        ? request.HttpRequestError switch
        {
            HttpRequestError.NameResolutionError => "its name is not known",
            HttpRequestError.SecureConnectionError => "its TLS certificate is not trusted, or it speaks no TLS",
            _ => "no connection",
        }
        : "no connection";

    private static string? Text(JsonElement json, string name) => json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static bool Says(JsonElement json, string name) => json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.True;

    /// <summary>There is a list, and the word is not in it.</summary>
    private static bool Lacks(JsonElement json, string name, string word) =>
        json.TryGetProperty(name, out var list) && list.ValueKind == JsonValueKind.Array && !list.EnumerateArray().Any(item => item.ValueKind == JsonValueKind.String && item.GetString() == word);
}
