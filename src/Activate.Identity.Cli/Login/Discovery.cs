using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization;
using Activate.Identity.Cli.Output;
using Activate.Identity.Cli.Servers;

namespace Activate.Identity.Cli.Login;

/// <summary>
/// The endpoints that the server publishes. All must be its own: a changed document must not send a device code or token elsewhere. Where a login begins is
/// looked at by the login that begins there: a server may offer only one of the two.
/// </summary>
internal sealed class Discovery
{
    private readonly DiscoveryDocument _document;
    private readonly Uri _server;

    private Discovery(DiscoveryDocument document, Uri server)
    {
        (_document, _server) = (document, server);
        Token = Own(document.TokenEndpoint, "tokens");
        Revocation = Own(document.RevocationEndpoint, "revocation");
    }

    public string Issuer => _document.Issuer!;

    /// <summary>Whether every authorization response says who it is from (RFC 9207 §3).</summary>
    public bool NamesIssuer => _document.AuthorizationResponseIssParameterSupported == true;

    public Uri Token { get; }

    public Uri Revocation { get; }

    public Uri DeviceAuthorization => Own(_document.DeviceAuthorizationEndpoint, "device login");

    public Uri Authorization => Own(_document.AuthorizationEndpoint, "login in the browser");

    public static async Task<Discovery> ReadAsync(Wire wire, CancellationToken cancellation)
    {
        var origin = ServerAddress.Origin(wire.Server);
        using var request = new HttpRequestMessage(HttpMethod.Get, wire.At("/.well-known/openid-configuration"));
        var answer = await wire.SendAsync(request, cancellation);
        if (!answer.Succeeded)
            throw answer.Status == HttpStatusCode.NotFound ? Failure.Failed($"{origin} is no Activate.Identity server: it has no discovery document.") : Refusal.Of(answer, wire.Server);
        var document = JsonText.Read(answer.Body, OAuthJson.Default.DiscoveryDocument)
            ?? throw Failure.Failed($"{origin} is no Activate.Identity server: its discovery document was not understood.");
        // RFC 8414 §3.3: the same bytes.
        if (document.Issuer != $"{origin}/")
            throw Failure.Failed($"{origin} calls itself '{document.Issuer}'. Name the server by its own address, or ask whoever runs it.");
        return new Discovery(document, wire.Server);
    }

    private Uri Own(string? endpoint, string what)
    {
        var origin = ServerAddress.Origin(_server);
        if (endpoint is null)
            throw Failure.Failed($"{origin} offers no {what}.");
        return Uri.TryCreate(endpoint, UriKind.Absolute, out var uri) && uri.Scheme is "https" or "http" && ServerAddress.Same(uri, _server)
            ? uri
            : throw Failure.Failed($"{origin} names an endpoint for {what} that is not its own: '{endpoint}'. Nothing was sent there.");
    }
}

internal sealed record DiscoveryDocument(
    string? Issuer, string? AuthorizationEndpoint, string? DeviceAuthorizationEndpoint, string? TokenEndpoint, string? RevocationEndpoint,
    bool? AuthorizationResponseIssParameterSupported);

/// <summary>RFC 8628 §3.2.</summary>
internal sealed record DeviceAnswer(string? DeviceCode, string? UserCode, string? VerificationUri, string? VerificationUriComplete, double? ExpiresIn, double? Interval)
{
    public override string ToString() => nameof(DeviceAnswer);
}

/// <summary>RFC 6749 §5.1 and §5.2.</summary>
internal sealed record TokenAnswer(string? AccessToken, string? TokenType, double? ExpiresIn, string? Scope, string? Error, string? ErrorDescription)
{
    public override string ToString() => nameof(TokenAnswer);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(DiscoveryDocument))]
[JsonSerializable(typeof(DeviceAnswer))]
[JsonSerializable(typeof(TokenAnswer))]
internal sealed partial class OAuthJson : JsonSerializerContext;
