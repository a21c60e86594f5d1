using System.ComponentModel.DataAnnotations;
using Microsoft.AspNetCore.Mvc.RazorPages;

namespace Activate.Identity.Server.ApiKeys;

/// <summary>Section <c>ApiKeys</c>.</summary>
public sealed class ApiKeysOptions
{
    /// <summary>How many API keys one user may have, expired ones that are still listed included.</summary>
    [Range(1, 10_000)]
    public int MaximumPerUser { get; set; } = 100;
}

/// <summary>Personal API keys.</summary>
public static class ApiKeysSetup
{
    public static void AddApiKeys(this WebApplicationBuilder builder)
    {
        builder.Services.AddOptions<ApiKeysOptions>().BindConfiguration("ApiKeys").ValidateDataAnnotations().ValidateOnStart();
        builder.Services.AddScoped<ApiKeyIssuer>();
        builder.Services.Configure<RazorPagesOptions>(pages => pages.Conventions.AddPageRoute("/ApiKeys/ApiKey", ApiKeyPage.ServiceAccountRoute));
    }

    public static void MapApiKeys(this WebApplication app) => app.MapApiKeysApi();
}
