namespace Activate.Identity.Server.Credentials;

/// <summary>Checking a credential, whatever its kind, and telling its owner about it.</summary>
public static class CredentialsSetup
{
    public static void AddCredentials(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddSingleton<CredentialCache>();
        services.AddSingleton<CredentialReader>();
        services.AddSingleton<AccessTokenWriter>();
        services.AddSingleton<SignedTokens>();
        services.AddSingleton<UnlistedTokens>();
        services.AddSingleton<CredentialAuthenticator>();
        services.AddScoped<SecretForm>();
        services.AddSingleton<LastUses>();
        services.AddHostedService(provider => provider.GetRequiredService<LastUses>());
    }

    public static void MapCredentials(this WebApplication app)
    {
        app.MapMe();
        app.MapExpirationChoices();
    }
}
