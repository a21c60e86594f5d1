using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Activate.Identity.AspNetCore.Credentials;
using Activate.Identity.Core.ApiKeys;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Activate.Identity.AspNetCore.Introspection;

/// <summary>
/// Asks the server about a credential (RFC 7662). Only a whole answer that says <c>active</c> for one of our audiences lets somebody in; only a whole answer refuses a
/// credential; everything else (no answer, an error, a redirect, a page) is no answer, and so 503.
/// </summary>
internal sealed class IntrospectionClient(IHttpClientFactory clients, IOptions<ActivateIdentityOptions> options, TimeProvider clock, ILogger<IntrospectionClient> logger)
{
    private const string Endpoint = "connect/introspect";

    private readonly ActivateIdentityOptions _options = options.Value;
    private readonly AuthenticationHeaderValue _credentials = ServerConnection.Credentials(options.Value);
    private readonly HashSet<string> _audiences = new(options.Value.Audiences, StringComparer.Ordinal);

    /// <param name="credential">The token or key.</param>
    /// <param name="isKey">Which of them.</param>
    /// <param name="until">How long the answer may be repeated, unless the credential ends before.</param>
    public async Task<Verdict> AskAsync(string credential, bool isKey, DateTimeOffset until)
    {
        using var limit = new CancellationTokenSource(_options.Timeout);
        try
        {
            using var response = await SendAsync(credential, limit.Token);
            if (response.StatusCode == HttpStatusCode.OK && response.Content.Headers.ContentType?.MediaType == "application/json")
            {
                using var answer = JsonDocument.Parse(await response.Content.ReadAsByteArrayAsync(limit.Token));
                return Read(answer.RootElement, isKey, until);
            }

            // 400 and 401 are about us (RFC 6749 §5.2), never about the credential.
            if (response.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.BadRequest)
                logger.LogError("The server refused this resource server itself with {Status}: check ActivateIdentity:ClientId and ClientSecret.", (int)response.StatusCode);
            else
                logger.LogDebug("Introspection was answered with {Status}.", (int)response.StatusCode);
        }
        catch (Exception failure) when (failure is HttpRequestException or OperationCanceledException or IOException or JsonException)
        {
            logger.LogDebug(failure, "Introspection was not answered.");
        }

        return Verdict.Unavailable;
    }

    /// <summary>
    /// A server that was restarted has closed the connections that we kept: the first request on one of them fails, although the server is there. Asking changes nothing, so
    /// it may be done twice.
    /// </summary>
    private async Task<HttpResponseMessage> SendAsync(string credential, CancellationToken cancellationToken)
    {
        try
        {
            return await SendOnceAsync(credential, cancellationToken);
        }
        catch (HttpRequestException failure) when (failure.HttpRequestError != HttpRequestError.ConnectionError)
        {
            return await SendOnceAsync(credential, cancellationToken);
        }
    }

    private async Task<HttpResponseMessage> SendOnceAsync(string credential, CancellationToken cancellationToken)
    {
        using var client = clients.CreateClient(ServerConnection.ClientName);
        using var request = new HttpRequestMessage(HttpMethod.Post, Endpoint);
        request.Content = new FormUrlEncodedContent([KeyValuePair.Create("token", credential)]);
        request.Headers.Authorization = _credentials;
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
        return await client.SendAsync(request, cancellationToken);
    }

    private Verdict Read(JsonElement answer, bool isKey, DateTimeOffset until)
    {
        if (answer.ValueKind != JsonValueKind.Object || !answer.TryGetProperty("active", out var active) || active.ValueKind is not (JsonValueKind.True or JsonValueKind.False))
            return Verdict.Unavailable;
        if (active.ValueKind == JsonValueKind.False)
            return Verdict.RefusedUntil(until);
        AllowedAddresses? addresses = null;
        // A limit that cannot be read cannot be kept.
        if (answer.TryGetProperty("allowed_addresses", out _) && !AllowedAddresses.Parse(Texts(answer, "allowed_addresses")).TryGet(out addresses, out var problem))
        {
            logger.LogWarning("The server limits a credential to addresses that this package does not understand: {Problem}", problem.Detail);
            return Verdict.RefusedUntil(until);
        }

        var claims = new PrincipalClaims(isKey ? ActivateIdentityClaims.ApiKey : ActivateIdentityClaims.AccessToken, _options.IssuerText)
        {
            Subject = Text(answer, "sub"),
            Username = Text(answer, "username"),
            ClientId = Text(answer, "client_id"),
            Organization = Text(answer, "organization"),
            TokenId = Text(answer, "jti"),
            Scopes = Text(answer, "scope") ?? "",
            Audiences = Texts(answer, "aud"),
            IssuedAt = Number(answer, "iat"),
            ExpiresAt = Number(answer, "exp"),
            AllowedAddresses = addresses,
        };
        // The server answers for our audiences only; but who is let in here is decided here.
        return claims.ToVerdict(_audiences, clock.GetUtcNow(), until);
    }

    private static string? Text(JsonElement answer, string member) => answer.TryGetProperty(member, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static long? Number(JsonElement answer, string member) =>
        answer.TryGetProperty(member, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) ? number : null;

    private static IReadOnlyList<string> Texts(JsonElement answer, string member) => !answer.TryGetProperty(member, out var value) ? []
        : value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray().Where(item => item.ValueKind == JsonValueKind.String).Select(item => item.GetString()!)]
        : value.ValueKind == JsonValueKind.String ? [value.GetString()!] : [];
}
