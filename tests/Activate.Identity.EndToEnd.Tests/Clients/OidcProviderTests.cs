using System.Text.Json;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.EndToEnd.Tests.Clients;

/// <summary>An organization's own sign-in at a certified provider, npm <c>oidc-provider</c>, unmodified.</summary>
public sealed class OidcProviderTests : IAsyncLifetime
{
    private const string Path = "/api/v1/organization/identity-providers";
    private TestServer _server = null!;

    public async ValueTask InitializeAsync() =>
        _server = await TestServer.StartAsync(new TestServerOptions { Settings = new Dictionary<string, string?> { ["Server:AllowedOutbound:0"] = "127.0.0.0/8", ["Server:AllowedOutbound:1"] = "::1" } });

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task People_sign_in_at_it_with_roles_by_group_and_its_second_factor()
    {
        var secret = Guid.NewGuid().ToString("N");
        var session = await _server.LoginWithDeviceAsync();
        var step = 0;
        var id = "";
        using var here = _server.Browser();
        Browser? there = null;
        var verdict = await NodeProgram.RunAsync("oidc-provider.mjs", new { scenario = "serve", clientSecret = secret, redirectUri = $"{_server.Origin.GetLeftPart(UriPartial.Authority)}/sign-in/callback" }, async (_, value) =>
        {
            var issuer = new Uri(value.GetString()!);
            there ??= new Browser(issuer, [TestServer.ClientOf(issuer, issuer.Port)]);
            switch (step++)
            {
                case 0:
                    var created = await _server.ApiAsync(HttpMethod.Post, Path, session, new
                    {
                        name = "Certified", issuer = issuer.GetLeftPart(UriPartial.Authority), clientId = "activate", clientSecret = secret, allowedDomains = new[] { "example.org" }, groupsClaim = "groups",
                        roles = new Dictionary<string, string> { ["hpc-admins"] = "admin" }, trustsMfa = true, mfaContexts = new[] { "gold" },
                    });
                    Assert.True(created.Status == 201, created.ToString());
                    id = created.Text("id");
                    var check = await _server.ApiAsync(HttpMethod.Post, $"{Path}/{id}/check", session);
                    Assert.True(check.Json.GetProperty("good").GetBoolean(), check.ToString());
                    return new { sub = "grace", claims = new { preferred_username = "Grace.Hopper", name = "Grace Hopper", email = "grace@example.org", email_verified = true, groups = new[] { "staff", "hpc-admins" } } };
                case 1:
                    await SignInAsync();
                    Assert.True(here.Address.AbsolutePath == "/account/profile", here.PageText);
                    var user = await _server.QueryAsync(database => database.Users.SingleAsync(row => row.UserName == "grace-hopper"));
                    Assert.Equal((Core.Organizations.Role.Admin, "Grace Hopper", "grace@example.org"), (user.Role, user.DisplayName, user.Email));
                    // Its ID tokens say acr, which was asked for, and no amr.
                    Assert.Equal("fed mfa", await _server.QueryAsync(database => database.BrowserSessions.Where(row => row.UserId == user.Id).Select(row => row.AuthenticationMethods).SingleAsync()));
                    // In that browser again, as it asks for a fresh sign-in.
                    await SignInAsync("&reauthenticate=1");
                    Assert.True(here.Address.AbsolutePath == "/account/profile", here.PageText);
                    there.Dispose();
                    there = null;
                    return new { sub = "mallory", claims = new { preferred_username = "mallory", name = "Mallory", email = "mallory@example.org", email_verified = false, groups = Array.Empty<string>() } };
                case 2:
                    await here.SubmitAsync("Sign out");
                    await SignInAsync();
                    Assert.Contains("does not say that yours is verified", here.PageText, StringComparison.Ordinal);
                    there.Dispose();
                    there = null;
                    return new { sub = (string?)null };
                case 3:
                    await SignInAsync();
                    Assert.Contains("may not sign in here", here.PageText, StringComparison.Ordinal);
                    // A secret that it does not know.
                    Assert.Equal(200, (await _server.ApiAsync(HttpMethod.Patch, $"{Path}/{id}", session, new { clientSecret = "another" })).Status);
                    return new { sub = "grace" };
                case 4:
                    await SignInAsync();
                    Assert.Contains("You are not signed in", here.PageText, StringComparison.Ordinal);
                    return null;
                default:
                    throw new InvalidOperationException("It asks for more than there is.");
            }
        });
        there?.Dispose();
        Assert.Contains("/me", verdict.GetProperty("asked").EnumerateArray().Select(path => path.GetString()));

        async Task SignInAsync(string more = "")
        {
            await here.GoAsync($"/sign-in/hydrology-lab?returnUrl=%2Faccount%2Fprofile{more}");
            Assert.True(here.Response.Headers.Location is not null, here.PageText);
            await there!.GoAsync(here.Response.Headers.Location.PathAndQuery);
            Assert.True(there.Response.Headers.Location?.Port == _server.Origin.Port, $"{(int)there.Response.StatusCode} {there.Address} {there.Body}");
            await here.GoAsync(there.Response.Headers.Location!.PathAndQuery);
        }
    }
}
