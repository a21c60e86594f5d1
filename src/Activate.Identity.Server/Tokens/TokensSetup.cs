namespace Activate.Identity.Server.Tokens;

/// <summary>Generated tokens and sessions.</summary>
public static class TokensSetup
{
    public static void AddTokens(this WebApplicationBuilder builder) => builder.Services.AddScoped<TokenIssuer>();

    public static void MapTokens(this WebApplication app) => app.MapTokensApi();
}
