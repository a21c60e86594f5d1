using System.ComponentModel.DataAnnotations;

namespace Activate.Identity.Server.Audit;

/// <summary>Section <c>Audit</c>.</summary>
public sealed class AuditOptions
{
    /// <summary>For how many days an event is kept.</summary>
    [Range(1, 36_500)]
    public int RetentionDays { get; set; } = 400;
}

/// <summary>The audit log: written in the transaction of each change, read and exported by administrators, and forgotten after the retention.</summary>
public static class AuditSetup
{
    public static void AddAudit(this WebApplicationBuilder builder)
    {
        builder.Services.AddHttpContextAccessor();
        builder.Services.AddOptions<AuditOptions>().BindConfiguration("Audit").ValidateDataAnnotations().ValidateOnStart();
        builder.Services.AddScoped<AuditTrail>();
        builder.Services.AddScoped<AuditLog>();
        builder.Services.AddSingleton<AuditRefusals>();
    }

    public static void MapAudit(this WebApplication app) => app.MapAuditApi();
}
