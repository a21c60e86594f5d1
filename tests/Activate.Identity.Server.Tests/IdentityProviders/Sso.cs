using System.Net;
using System.Net.Http;
using Activate.Identity.Data;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Data.IdentityProviders;
using Activate.Identity.Data.Organizations;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Server.Tests.Organizations;
using Activate.Identity.Server.Tests.Connect;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Tests.IdentityProviders;

/// <summary>A server that may go to providers on this machine.</summary>
public class SsoServer : SharedServer
{
    public static readonly IReadOnlyDictionary<string, string?> LoopbackAllowed = new Dictionary<string, string?> { ["Server:AllowedOutbound:0"] = "127.0.0.0/8", ["Server:AllowedOutbound:1"] = "::1" };

    protected override TestServerOptions Options => new() { Settings = LoopbackAllowed };
}

/// <summary>Two nodes of it on a database server, which waits and compares in other ways than SQLite.</summary>
public sealed class SsoNodes : SsoServer
{
    protected override TestServerOptions Options => base.Options with { Nodes = 2, Database = TestDatabases.OnAServer };
}

/// <summary>An organization with a provider, and what people do there.</summary>
internal sealed record Sso(TestServer Server, Organization Organization, User Owner, string Session, string ProviderId)
{
    public const string Providers = "/api/v1/organization/identity-providers";
    private const string Everything = "platform credentials:read credentials:write organization:read organization:write audit:read";

    public string Path => $"/sign-in/{Organization.Slug}";

    public static async Task<Sso> NewAsync(TestServer server, string issuer, object? changes = null, string clientId = "activate", string? secret = "s3cret of the provider")
    {
        var (organization, owner, _) = await server.AddOrganizationAsync();
        var session = await server.GrantAsync(owner.Id, Everything);
        var answer = await server.PostAsync(Providers, session, new { name = "Example University", issuer, clientId, clientSecret = secret, allowedDomains = new[] { "example.org" } });
        Assert.True(answer.Status == 201, answer.ToString());
        var sso = new Sso(server, organization, owner, session, answer.Text("id"));
        if (changes is not null)
            await sso.ChangeAsync(changes);
        return sso;
    }

    public async Task ChangeAsync(object changes)
    {
        var answer = await Server.PatchAsync($"{Providers}/{ProviderId}", Session, changes);
        Assert.True(answer.Status == 200, answer.ToString());
    }

    /// <summary>Goes to the provider, which a test plays: the address that it was sent to.</summary>
    public async Task<Uri> BeginAsync(Browser browser, string? path = null)
    {
        await browser.GoAsync(path ?? Path);
        // A machine that does much else may not answer itself within the server's 5 seconds: try again in a minute, says the page.
        for (var i = 0; i < 3 && browser.Response.StatusCode == HttpStatusCode.ServiceUnavailable; i++)
        {
            await Task.Delay(TimeSpan.FromSeconds(6));
            await browser.GoAsync(path ?? Path);
        }

        Assert.True(browser.Response.Headers.Location is not null, $"{(int)browser.Response.StatusCode} {browser.PageText}");
        return browser.Response.Headers.Location;
    }

    /// <summary>Comes back from a provider that says these claims.</summary>
    public async Task<Browser> ComeBackAsync(Browser browser, FakeProvider provider, Uri begun, Dictionary<string, object?> claims, string? iss = null)
    {
        provider.Claims = new Dictionary<string, object?> { ["nonce"] = TestServer.Parameter(begun, "nonce") };
        foreach (var (name, value) in claims)
            provider.Claims[name] = value;
        return await browser.GoAsync(CallbackOf(provider, begun, iss));
    }

    public static string CallbackOf(FakeProvider provider, Uri begun, string? iss = null) =>
        $"/sign-in/callback?code=code-1&state={Uri.EscapeDataString(TestServer.Parameter(begun, "state"))}&iss={Uri.EscapeDataString(iss ?? provider.Issuer)}";

    public async Task<Browser> SignInAsync(FakeProvider provider, Dictionary<string, object?> claims, Browser? browser = null, string? path = null)
    {
        browser ??= Server.Browser();
        return await ComeBackAsync(browser, provider, await BeginAsync(browser, path), claims);
    }

    public static Dictionary<string, object?> Person(string sub, string name = "grace", string? email = null, params (string, object?)[] more)
    {
        var claims = new Dictionary<string, object?> { ["sub"] = sub, ["preferred_username"] = name, ["name"] = "Grace Hopper", ["email"] = email ?? $"{name}@example.org", ["email_verified"] = true };
        foreach (var (claim, value) in more)
            claims[claim] = value;
        return claims;
    }

    public Task<User?> UserOfAsync(string sub) => Server.QueryAsync(database => database.ExternalLogins.AsNoTracking()
        .Where(login => login.ProviderId == Guid.Parse(ProviderId) && login.SubjectHash == Activate.Identity.Server.IdentityProviders.ExternalAccounts.HashOf(sub)).Select(login => login.User).SingleOrDefaultAsync());

    public Task<int> PeopleAsync() => Server.QueryAsync(database => database.Users.CountAsync(user => user.OrganizationId == Organization.Id));

    /// <summary>The username of whoever is signed in; null: nobody is.</summary>
    public static async Task<string?> WhoAsync(Browser browser)
    {
        await browser.GoAsync("/account/profile");
        return browser.Address.AbsolutePath == "/account/profile" ? browser.Page.QuerySelector("details.menu summary")?.TextContent.Trim() : null;
    }

    public static async Task AssertRefusedAsync(Browser browser, string words, int status = 403)
    {
        Assert.True((int)browser.Response.StatusCode == status, $"{(int)browser.Response.StatusCode} {browser.Address} {browser.PageText}");
        Assert.Contains(words, browser.PageText, StringComparison.Ordinal);
        Assert.Null(await WhoAsync(browser));
    }
}
