namespace Activate.Identity.Server.Inventory;

/// <summary>Every credential of an organization in one place, for its administrators: found, ended, explained, exported.</summary>
public static class InventorySetup
{
    public static void AddInventory(this WebApplicationBuilder builder)
    {
        builder.Services.AddScoped<CredentialInventory>();
        builder.Services.AddScoped<CredentialEnder>();
        builder.Services.AddScoped<EndExplainer>();
        builder.Services.AddScoped<ConsentInventory>();
        builder.Services.AddScoped<EndingSoon>();
    }

    public static void MapInventory(this WebApplication app)
    {
        app.MapInventoryApi();
        app.MapConsentsApi();
    }
}
