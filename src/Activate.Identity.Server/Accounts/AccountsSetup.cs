using Activate.Identity.Data;
using Activate.Identity.Data.Accounts;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Activate.Identity.Server.Accounts;

/// <summary>Users, passwords and browser sessions.</summary>
public static class AccountsSetup
{
    public static void AddAccounts(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddIdentityCore<User>().AddEntityFrameworkStores<ActivateDbContext>();
        services.RemoveAll<IUserValidator<User>>().RemoveAll<IPasswordValidator<User>>().RemoveAll<IPasswordHasher<User>>().RemoveAll<ILookupNormalizer>();
        var rules = new UserRules();
        services.AddSingleton<IUserValidator<User>>(rules);
        services.AddSingleton<IPasswordValidator<User>>(rules);
        services.AddSingleton<ILookupNormalizer>(rules);
        services.AddSingleton<IPasswordHasher<User>, PasswordHasher>();
        services.AddSingleton<PasswordGate>();
        services.AddSingleton<Throttles>();
        services.AddSingleton<KnownDevices>();
        services.AddSingleton<SignInTries>();
        services.AddScoped<UserRegistry>();
        services.AddScoped<PasswordAuthenticator>();
        services.AddScoped<BrowserSessionIssuer>();
        services.AddScoped<PasswordResets>();
        services.AddScoped<PasswordEditor>();
        services.AddScoped<EmailEditor>();
        services.AddScoped<BrowserSessions>();
        services.AddAuthentication(SignedIn.Scheme).AddScheme<AuthenticationSchemeOptions, BrowserSessionAuthenticator>(SignedIn.Scheme, null);
    }

    /// <summary>The account leads to the first of its tabs.</summary>
    public static void MapAccounts(this WebApplication app) => app.MapGet("/account", () => Results.Redirect("/account/profile")).ExcludeFromDescription();
}
