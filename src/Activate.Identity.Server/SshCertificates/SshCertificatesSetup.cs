namespace Activate.Identity.Server.SshCertificates;

/// <summary>SSH certificates from the sign-in on the command line, the authorities that sign them, and what clusters ask about them.</summary>
public static class SshCertificatesSetup
{
    public static void AddSshCertificates(this WebApplicationBuilder builder)
    {
        builder.Services.AddScoped<CertificateAuthorityRegistry>();
        builder.Services.AddSingleton<CertificateAuthorityRotation>();
        builder.Services.AddHostedService(services => services.GetRequiredService<CertificateAuthorityRotation>());
        builder.Services.AddScoped<SshCertificateIssuer>();
        builder.Services.AddSingleton<CertificatePrincipalsReader>();
    }

    public static void MapSshCertificates(this WebApplication app)
    {
        app.MapCertificateAuthoritiesApi();
        app.MapSshCertificatesApi();
        app.MapAuthorizedPrincipalsApi();
    }
}
