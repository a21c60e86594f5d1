using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Web;
using Activate.Identity.Data.Applications;
using Activate.Identity.Server.Credentials;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using OpenIddict.Abstractions;
using Xunit;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace Activate.Identity.Testing;

/// <summary>Third-party applications, registered directly, and what they do.</summary>
public sealed partial class TestServer
{
    public const string Callback = "https://app.example.test/callback";

    public const string SignedOut = "https://app.example.test/signed-out";

    /// <summary>Registers an OAuth client, a resource server (with <paramref name="audiences"/>), or both.</summary>
    /// <param name="clientId">Its id.</param>
    /// <param name="secret">Null: a public client.</param>
    /// <param name="audiences">What it answers for, space-separated.</param>
    /// <param name="organizationId">Null: server-wide.</param>
    /// <param name="deviceFlow">It may start device logins.</param>
    /// <param name="name">The name that people are shown.</param>
    /// <param name="redirectUri">Where codes go.</param>
    public async Task RegisterApplicationAsync(string clientId, string? secret = null, string? audiences = null, Guid? organizationId = null, bool deviceFlow = false,
        string? name = null, string redirectUri = Callback)
    {
        await using var scope = Services().CreateAsyncScope();
        var descriptor = new OpenIddictApplicationDescriptor
        {
            ClientId = clientId,
            ClientSecret = secret,
            ClientType = secret is null ? ClientTypes.Public : ClientTypes.Confidential,
            ConsentType = ConsentTypes.Explicit,
            DisplayName = name ?? clientId,
            RedirectUris = { new Uri(redirectUri) },
            Permissions =
            {
                Permissions.Endpoints.Authorization, Permissions.Endpoints.Token, Permissions.Endpoints.Revocation, Permissions.Endpoints.Introspection,
                Permissions.Endpoints.PushedAuthorization, Permissions.Endpoints.EndSession,
                Permissions.GrantTypes.AuthorizationCode, Permissions.GrantTypes.RefreshToken, Permissions.ResponseTypes.Code,
            },
            PostLogoutRedirectUris = { new Uri(SignedOut) },
        };
        if (secret is not null)
            descriptor.Permissions.UnionWith([Permissions.GrantTypes.ClientCredentials, Permissions.GrantTypes.TokenExchange]);
        if (deviceFlow)
            descriptor.Permissions.UnionWith([Permissions.Endpoints.DeviceAuthorization, Permissions.GrantTypes.DeviceCode]);
        descriptor.Permissions.UnionWith(Core.Scopes.All.Where(s => s != Core.Scopes.AuthorizedKeysRead).Select(s => Permissions.Prefixes.Scope + s));
        await scope.ServiceProvider.GetRequiredService<IOpenIddictApplicationManager>().CreateAsync(descriptor);
        await QueryAsync(database => database.Applications.Where(a => a.ClientId == clientId)
            .ExecuteUpdateAsync(set => set.SetProperty(a => a.Audiences, audiences).SetProperty(a => a.OrganizationId, organizationId)));
        Services().GetRequiredService<CredentialCache>().Forget();
    }

    /// <summary>On the first node, which feels it at once.</summary>
    public async Task SuspendApplicationAsync(string clientId, bool suspended = true)
    {
        await QueryAsync(database => database.Applications.Where(a => a.ClientId == clientId).ExecuteUpdateAsync(set => set.SetProperty(a => a.Suspended, suspended)));
        Services().GetRequiredService<CredentialCache>().Forget();
    }

    /// <summary>The address of an authorization request; <paramref name="changes"/> replace parameters, or remove them when null.</summary>
    public static string AuthorizePath(string clientId, Pkce pkce, params (string Name, string? Value)[] changes)
    {
        var parameters = new Dictionary<string, string?>
        {
            ["client_id"] = clientId,
            ["response_type"] = "code",
            ["redirect_uri"] = Callback,
            ["scope"] = "openid profile platform",
            ["state"] = "state-1",
            ["nonce"] = "nonce-1",
            ["code_challenge"] = pkce.Challenge,
            ["code_challenge_method"] = "S256",
        };
        foreach (var (name, value) in changes)
            parameters[name] = value;
        return "/connect/authorize?" + string.Join('&', parameters.Where(p => p.Value is not null).Select(p => $"{p.Key}={Uri.EscapeDataString(p.Value!)}"));
    }

    /// <summary>Asks for a code, allows it in the browser (unless it was allowed before), and returns where the browser was sent to.</summary>
    public static async Task<Uri> AllowAsync(Browser browser, string path, string button = "Allow")
    {
        await browser.GoAsync(path);
        if (browser.Response.Headers.Location is { } remembered)
            return remembered;
        await browser.SubmitAsync(button, follow: false);
        Assert.True(browser.Response.Headers.Location is not null, $"{(int)browser.Response.StatusCode} {browser.Body}");
        return browser.Response.Headers.Location;
    }

    public static string Parameter(Uri? address, string name)
    {
        Assert.True(address is not null, "There is no Location.");
        var value = HttpUtility.ParseQueryString(address.Query)[name];
        Assert.True(value is not null, $"No '{name}' in {address}");
        return value;
    }

    public async Task<string> GetCodeAsync(Browser browser, string clientId, Pkce pkce, params (string Name, string? Value)[] changes) =>
        Parameter(await AllowAsync(browser, AuthorizePath(clientId, pkce, changes)), "code");

    /// <summary>Redeems a code: a public client names itself in the body, a confidential one uses Basic.</summary>
    public Task<Answer> RedeemAsync(string clientId, string? secret, string code, Pkce pkce, int node = 0, params (string Name, string? Value)[] changes)
    {
        var fields = new Dictionary<string, string?>
        {
            ["grant_type"] = "authorization_code",
            ["code"] = code,
            ["redirect_uri"] = Callback,
            ["code_verifier"] = pkce.Verifier,
            ["client_id"] = secret is null ? clientId : null,
        };
        foreach (var (name, value) in changes)
            fields[name] = value;
        return PostFormAsync("/connect/token", fields.Where(f => f.Value is not null).Select(f => (f.Key, f.Value!)), node, secret is null ? null : Basic(clientId, secret));
    }

    /// <summary>Sends a request with a browser's cookies, leaving the browser where it is: for requests in parallel.</summary>
    public async Task<Answer> SendAsync(Browser browser, HttpRequestMessage request, int node = 0)
    {
        using var client = Client(node);
        using (request)
        {
            request.Headers.Add("Cookie", browser.Cookies.GetCookieHeader(request.RequestUri!));
            return await Answer.FromAsync(await client.SendAsync(request));
        }
    }

    /// <summary>Signs a user in to an application and redeems the code: the answer of the token endpoint.</summary>
    public async Task<Answer> ConnectAsync(Browser browser, string clientId, string? secret, string scope = "openid profile offline_access platform")
    {
        var pkce = Pkce.New();
        return await RedeemAsync(clientId, secret, await GetCodeAsync(browser, clientId, pkce, ("scope", scope)), pkce);
    }

    public Task<Answer> RefreshAsync(string clientId, string? secret, string refreshToken, int node = 0, params (string Name, string Value)[] more) =>
        PostFormAsync("/connect/token",
            [("grant_type", "refresh_token"), ("refresh_token", refreshToken), .. secret is null ? [("client_id", clientId)] : Array.Empty<(string, string)>(), .. more],
            node, secret is null ? null : Basic(clientId, secret));

    public Task<Answer> IntrospectAsync(string clientId, string secret, string token, int node = 0, string? hint = null) =>
        PostFormAsync("/connect/introspect", hint is null ? [("token", token)] : [("token", token), ("token_type_hint", hint)], node, Basic(clientId, secret));
}

/// <summary>RFC 7636.</summary>
public sealed record Pkce(string Verifier)
{
    public string Challenge => Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(Verifier)));

    public static Pkce New() => new(Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32)));
}
