using Activate.Identity.Testing;
using Microsoft.AspNetCore.Authentication.OpenIdConnect;
using Microsoft.AspNetCore.Builder;

namespace Activate.Identity.EndToEnd.Tests.Clients;

/// <summary><c>Microsoft.AspNetCore.Authentication.OpenIdConnect</c>.</summary>
public sealed class OpenIdConnectHandlerTests(ClientsServer fixture) : IClassFixture<ClientsServer>
{
    [Theory]
    [InlineData("form_post", true, "RS256")]
    [InlineData("query", false, "ES256")]
    public async Task It_signs_somebody_in_refreshes_by_hand_and_signs_out(string responseMode, bool pushed, string algorithm)
    {
        var (home, id, secret, start) = await PrepareAsync(algorithm);
        string? userInfo = null, signedWith = null;
        await using var portal = await start(options =>
        {
            options.ResponseMode = responseMode;
            if (!pushed)
                options.PushedAuthorizationBehavior = PushedAuthorizationBehavior.Disable;
            options.Events.OnUserInformationReceived = context => Task.FromResult(userInfo = context.User.RootElement.GetProperty("preferred_username").GetString());
            options.Events.OnTokenValidated = context => Task.FromResult(signedWith = context.SecurityToken.Header.Alg);
        });
        var (username, browser) = await fixture.NewPersonAsync();
        using (browser)
        using (var guest = new Guest(home))
        {
            var challenge = (await guest.GoAsync("/")).Response.Headers.Location!.ToString();
            // By default the handler pushes what discovery lets it push.
            Assert.Equal(pushed, challenge.Contains("request_uri=urn", StringComparison.Ordinal));
            Assert.Equal(pushed, !challenge.Contains("code_challenge=", StringComparison.Ordinal));
            await browser.GoAsync(challenge);
            await browser.SubmitAsync("Allow", follow: false);
            var returned = await guest.ReturnAsync(browser);
            Assert.True(returned.Status == 302, returned.ToString());
            Assert.Equal($"Hello, {username}, {username}@example.test", (await guest.GoAsync("/")).Body);
            Assert.Equal((username, algorithm), (userInfo, signedWith));

            var refresh = (await guest.GoAsync("/refresh-token")).Body;
            Assert.Equal(200, (await fixture.Server.RefreshAsync(id, secret, refresh)).Status);

            await browser.GoAsync((await guest.GoAsync("/sign-out")).Response.Headers.Location!.ToString());
            Assert.Equal("/signout-callback-oidc", browser.Response.Headers.Location?.AbsolutePath);
            Assert.Equal("/goodbye", (await guest.ReturnAsync(browser)).Response.Headers.Location?.ToString());
            Assert.Equal(302, (await guest.GoAsync("/")).Status);
            Assert.Equal("/sign-in", (await browser.GoAsync("/account/profile")).Address.AbsolutePath);
        }
    }

    [Theory]
    [InlineData("form_post")]
    [InlineData("query")]
    public async Task A_denial_comes_back_as_the_handlers_remote_failure(string responseMode)
    {
        var (home, _, _, start) = await PrepareAsync("RS256");
        await using var portal = await start(options => options.ResponseMode = responseMode);
        var (_, browser) = await fixture.NewPersonAsync();
        using (browser)
        using (var guest = new Guest(home))
        {
            await browser.GoAsync((await guest.GoAsync("/")).Response.Headers.Location!.ToString());
            await browser.SubmitAsync("Deny", follow: false);
            var returned = await guest.ReturnAsync(browser);
            Assert.Equal(403, returned.Status);
            Assert.Contains("denied", returned.Body, StringComparison.Ordinal);
        }
    }

    private async Task<(Uri Home, string Id, string Secret, Func<Action<OpenIdConnectOptions>, Task<WebApplication>> Start)> PrepareAsync(string algorithm)
    {
        var home = new Uri($"http://127.0.0.1:{RunningProgram.FreePort()}");
        var (id, secret) = await fixture.RegisterAsync("web", ("redirectUris", new[] { $"{home}signin-oidc" }), ("postLogoutRedirectUris", new[] { $"{home}signout-callback-oidc" }),
            ("signingAlgorithm", algorithm));
        return (home, id, secret, configure => AspNetCoreProgram.StartPortalAsync(home, options =>
        {
            (options.Authority, options.ClientId, options.ClientSecret) = (fixture.Server.Origin.ToString(), id, secret);
            configure(options);
        }));
    }
}
