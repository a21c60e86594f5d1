using Activate.Identity.AspNetCore.Credentials;
using Activate.Identity.AspNetCore.Introspection;
using Activate.Identity.AspNetCore.Offline;
using Activate.Identity.AspNetCore.Scopes;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace Activate.Identity.AspNetCore;

/// <summary>The whole of it: <c>builder.Services.AddActivateIdentity();</c> and <c>RequireScope("platform")</c> on endpoints.</summary>
public static class ActivateIdentityExtensions
{
    /// <summary>
    /// Accepts the access tokens and API keys of an Activate.Identity server: <c>Authorization: Bearer</c>, or Basic with an API key as username and an empty
    /// password. Call it once; a <c>WebApplication</c> needs no middleware to be added.
    /// <para>Answers to requests that it does not let through, to endpoints that require a credential: 401 with <c>WWW-Authenticate: Bearer</c> (RFC 6750 §3), with
    /// <c>error="invalid_token"</c> when there was a credential; 400 <c>invalid_request</c> for two credentials; 403 <c>insufficient_scope</c>; 503 with
    /// <c>Retry-After</c> when the server cannot be asked.</para>
    /// </summary>
    /// <param name="services">The application's services.</param>
    /// <param name="configure">Sets what does not come from the configuration section <c>ActivateIdentity</c>; may be left out.</param>
    /// <returns>The same services.</returns>
    public static IServiceCollection AddActivateIdentity(this IServiceCollection services, Action<ActivateIdentityOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        var options = services.AddOptions<ActivateIdentityOptions>().BindConfiguration(ActivateIdentityDefaults.ConfigurationSection).ValidateOnStart();
        if (configure is not null)
            options.Configure(configure);
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<ActivateIdentityOptions>, OptionsRules>());
        services.AddAuthentication().Services.Configure<AuthenticationOptions>(authentication =>
            authentication.AddScheme<CredentialHandler>(ActivateIdentityDefaults.AuthenticationScheme, displayName: null));
        services.AddAuthorization();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IAuthorizationHandler, ScopeCheck>());
        services.TryAddTransient<CredentialHandler>();
        services.AddMetrics();
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<CredentialAuthenticator>();
        services.TryAddSingleton<IntrospectionClient>();
        services.TryAddSingleton<KeySet>();
        services.TryAddSingleton<TokenVerifier>();
        services.TryAddSingleton<Counters>();
        ServerConnection.Add(services);
        return services;
    }

    /// <summary>
    /// Lets only credentials with the scope reach the endpoint: 401 without a credential, 403 <c>insufficient_scope</c> without the scope. Several calls require all.
    /// </summary>
    /// <param name="builder">The endpoint, or a group of endpoints.</param>
    /// <param name="scope">One scope, such as <c>platform</c>.</param>
    /// <typeparam name="TBuilder">The type of the builder.</typeparam>
    /// <returns>The same builder.</returns>
    /// <exception cref="ArgumentException">The scope is empty or has characters that RFC 6749 §3.3 does not allow.</exception>
    public static TBuilder RequireScope<TBuilder>(this TBuilder builder, string scope) where TBuilder : IEndpointConventionBuilder =>
        builder.WithMetadata(new RequireScopeAttribute(scope));

    /// <summary>Requires the scope in a policy of the application's own.</summary>
    /// <param name="policy">The policy.</param>
    /// <param name="scope">One scope, such as <c>platform</c>.</param>
    /// <returns>The same policy.</returns>
    /// <exception cref="ArgumentException">The scope is empty or has characters that RFC 6749 §3.3 does not allow.</exception>
    public static AuthorizationPolicyBuilder RequireScope(this AuthorizationPolicyBuilder policy, string scope)
    {
        ArgumentNullException.ThrowIfNull(policy);
        return policy.AddRequirements(new ScopeRequirement(scope));
    }
}
