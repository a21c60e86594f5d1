namespace Activate.Identity.Server.Tokens;

public static class TokensSetup
{
    public static void AddTokens(this WebApplicationBuilder builder) => builder.Services.AddOptions();
    public static void MapTokens(this WebApplication app) => _ = app;
}
