using System.Web;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Tests.IdentityProviders;

/// <summary>A second instance of our own server as the provider: what it issues, we take.</summary>
public sealed class OwnServerTests(SsoNodes fixture) : IClassFixture<SsoNodes>
{
    private const string Secret = "secret-of-the-consumer";
    private readonly TestServer _server = fixture.Server;

    [Fact]
    public async Task Somebody_signs_in_with_an_account_of_another_server()
    {
        await using var provider = await TestServer.StartAsync();
        await provider.RegisterApplicationAsync("consumer", Secret, redirectUri: $"{_server.Origin.GetLeftPart(UriPartial.Authority)}/sign-in/callback");
        var sso = await Sso.NewAsync(_server, $"{provider.Origin.GetLeftPart(UriPartial.Authority)}/", new { allowedDomains = Array.Empty<string>(), requiredClaim = new { name = "groups", value = "hydrology-lab" }, trustsMfa = true },
            "consumer", Secret);
        var name = fixture.NewName("both");
        await provider.CreateUserAsync(name);
        using var there = await provider.SignInAsync(username: name, password: TestServer.UserPassword);
        using var here = _server.Browser();
        var begun = await sso.BeginAsync(here, $"{sso.Path}?returnUrl=%2Faccount%2Fprofile");
        var back = await TestServer.AllowAsync(there, begun.PathAndQuery);
        Assert.Equal($"{provider.Origin.GetLeftPart(UriPartial.Authority)}/", HttpUtility.ParseQueryString(back.Query)["iss"]);
        await here.At(1).GoAsync(back.PathAndQuery);
        Assert.True(here.Address.AbsolutePath == "/account/profile", here.PageText);
        Assert.Equal(name, await Sso.WhoAsync(here));
        // The same answer once more.
        using var replay = _server.Browser();
        await replay.GoAsync(back.PathAndQuery);
        await Sso.AssertRefusedAsync(replay, "Start again");

        // Again, with a fresh sign-in that the other server insists on.
        begun = await sso.BeginAsync(here, $"{sso.Path}?reauthenticate=1&returnUrl=%2Faccount%2Fsecurity");
        await there.GoAsync(begun.PathAndQuery);
        Assert.Equal("/sign-in", there.Address.AbsolutePath);
        await there.SubmitAsync("Sign in", follow: true, ("Username", name), ("Password", TestServer.UserPassword));
        Assert.True(there.Response.Headers.Location is not null, $"{there.Address} {there.PageText}");
        await here.GoAsync(there.Response.Headers.Location.PathAndQuery);
        Assert.Equal("/account/security", here.Address.AbsolutePath);
        Assert.Contains("Example University", here.PageText, StringComparison.Ordinal);
        Assert.Equal("fed pwd", await _server.QueryAsync(database => database.BrowserSessions.Where(session => session.User!.UserName == name).OrderByDescending(session => session.Id).Select(session => session.AuthenticationMethods).FirstAsync()));

        // Who denies there is told so here.
        begun = await sso.BeginAsync(_server.Browser());
        using var denying = await provider.SignInAsync();
        await denying.GoAsync(begun.PathAndQuery);
        await denying.SubmitAsync("Deny", follow: false);
        Assert.Equal("access_denied", TestServer.Parameter(denying.Response.Headers.Location, "error"));
    }
}
