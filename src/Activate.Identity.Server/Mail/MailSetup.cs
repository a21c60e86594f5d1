using Activate.Identity.Server.Web;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Activate.Identity.Server.Mail;

/// <summary>Mail: written with the change it tells of, sent by every node, and notices before keys end.</summary>
public static class MailSetup
{
    public static void AddMail(this WebApplicationBuilder builder)
    {
        var settings = MailSettings.Read(builder.Configuration, builder.Environment, PublicOrigin.From(builder.Configuration, builder.Environment));
        var services = builder.Services;
        services.TryAddSingleton(settings);
        services.AddSingleton<MailContents>();
        services.AddSingleton<Letters>();
        services.AddScoped<MailOutbox>();
        services.AddSingleton<IMailTransport>(provider => provider.GetRequiredService<MailSettings>() is { Host: null, Folder: { } folder }
            ? new FolderTransport(folder) : new SmtpTransport(provider.GetRequiredService<MailSettings>()));
        services.AddSingleton<MailSender>();
        services.AddHostedService(provider => provider.GetRequiredService<MailSender>());
        services.AddSingleton<ExpiryNotices>();
        services.AddHostedService(provider => provider.GetRequiredService<ExpiryNotices>());
    }
}
