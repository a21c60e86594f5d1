using Activate.Identity.AspNetCore.Scopes;
using Activate.Identity.Testing;
using Microsoft.AspNetCore.Authorization;
using Microsoft.Extensions.DependencyInjection;

namespace Activate.Identity.AspNetCore.Tests.Scopes;

/// <summary>Endpoints that ask for scopes.</summary>
[Collection(IdentityServerTests.Name)]
public sealed class ScopeTests(IdentityServer identity)
{
    [Fact]
    public async Task A_credential_with_the_scope_gets_in_and_one_without_is_told_what_it_lacks()
    {
        await using var sample = await identity.ResourceServerAsync($"{identity.Base}/api");
        var (username, session, with) = await identity.PersonAsync();
        var without = await identity.Server.CreateApiKeyAsync(session, "without", new { name = "without", scopes = new[] { "credentials:read" } });
        var jobs = await sample.GetAsync("/jobs", with.Key);
        Assert.Equal((200, $"The jobs of {username}."), (jobs.Status, jobs.Body));
        var refused = await sample.GetAsync("/jobs", without.Key);
        Assert.Equal((403, $"Bearer realm=\"{identity.Base}/api\", error=\"insufficient_scope\", scope=\"platform\""), (refused.Status, refused.Header("WWW-Authenticate")));
        Assert.Equal(200, (await sample.GetAsync("/whoami", without.Key)).Status);
    }

    [Fact]
    public async Task All_scopes_of_an_endpoint_are_needed_and_named()
    {
        await using var sample = await identity.ResourceServerAsync();
        var (_, _, key) = await identity.PersonAsync();
        var refused = await sample.GetAsync("/audit", key.Key);
        Assert.Equal(403, refused.Status);
        Assert.EndsWith("scope=\"audit:read platform\"", refused.Header("WWW-Authenticate"), StringComparison.Ordinal);
        // A member's role does not allow the scope; an owner's does.
        var owner = await identity.Server.LoginWithDeviceAsync(scope: "platform audit:read");
        Assert.Equal(200, (await sample.GetAsync("/audit", owner)).Status);
    }

    [Fact]
    public async Task A_policy_can_ask_for_a_scope()
    {
        await using var sample = await identity.ResourceServerAsync(services: services =>
            services.AddAuthorization(options => options.DefaultPolicy = new AuthorizationPolicyBuilder().RequireAuthenticatedUser().RequireScope("organization:read").Build()));
        var (_, session, key) = await identity.PersonAsync();
        Assert.Equal(200, (await sample.GetAsync("/whoami", session)).Status);
        var refused = await sample.GetAsync("/whoami", key.Key);
        Assert.Equal(403, refused.Status);
        Assert.EndsWith("scope=\"organization:read\"", refused.Header("WWW-Authenticate"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_refusal_that_is_not_about_scopes_names_none()
    {
        await using var sample = await identity.ResourceServerAsync(services: services =>
            services.AddAuthorization(options => options.DefaultPolicy = new AuthorizationPolicyBuilder().RequireUserName("somebody else").Build()));
        var (_, _, key) = await identity.PersonAsync();
        var refused = await sample.GetAsync("/whoami", key.Key);
        Assert.Equal((403, null), (refused.Status, refused.Header("WWW-Authenticate")));
    }

    [Theory]
    [InlineData("")]
    [InlineData("two scopes")]
    [InlineData("quo\"te")]
    [InlineData("back\\slash")]
    [InlineData("ümlaut")]
    public void What_cannot_be_a_scope_is_refused_when_the_endpoint_is_made(string scope) => Assert.ThrowsAny<ArgumentException>(() => new ScopeRequirement(scope));

    [Fact]
    public void Every_scope_of_the_server_can_be_required() => Assert.All(Core.Scopes.All, scope => Assert.Equal(scope, new RequireScopeAttribute(scope).Scope));
}
