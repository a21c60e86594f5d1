using Activate.Identity.Server.Accounts;
using Activate.Identity.Server.ApiKeys;
using Activate.Identity.Server.Applications;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Clusters;
using Activate.Identity.Server.Connect;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Devices;
using Activate.Identity.Server.IdentityProviders;
using Activate.Identity.Server.Inventory;
using Activate.Identity.Server.Keys;
using Activate.Identity.Server.Leaks;
using Activate.Identity.Server.Mail;
using Activate.Identity.Server.Members;
using Activate.Identity.Server.Operations;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.SecondFactors;
using Activate.Identity.Server.ServiceAccounts;
using Activate.Identity.Server.Setup;
using Activate.Identity.Server.SshCertificates;
using Activate.Identity.Server.SshKeys;
using Activate.Identity.Server.Telemetry;
using Activate.Identity.Server.Tokens;
using Activate.Identity.Server.Web;

namespace Activate.Identity.Server;

/// <summary>The list of features. Each has a folder of its own.</summary>
public static class Program
{
    public static Task<int> Main(string[] args) => ServerCommands.RunAsync(args, Console.Out, Console.Error);

    public static WebApplication Build(string[] args, Action<WebApplicationBuilder>? customize = null)
    {
        // Without what the full one brings and nobody uses: IIS, HTTP/3, logs of Windows, forwarded headers by a variable.
        // Settings are read once: who watched for their files to change would be told of each write to a database beneath them (./data, by default), a seventh of a busy server's time.
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { Args = [.. args, "--hostBuilder:reloadConfigOnChange=false"], ApplicationName = typeof(Program).Assembly.GetName().Name });
        builder.WebHost.UseKestrelHttpsConfiguration();
        customize?.Invoke(builder);

        builder.AddOperations();
        builder.AddTelemetry();
        builder.AddWeb();
        builder.AddDatabase();
        builder.AddKeys();
        builder.AddAudit();
        builder.AddMail();
        builder.AddOrganizations();
        builder.AddAccounts();
        builder.AddSecondFactors();
        builder.AddFirstOwner();
        builder.AddCredentials();
        builder.AddConnect();
        builder.AddIdentityProviders();
        builder.AddDevices();
        builder.AddApiKeys();
        builder.AddTokens();
        builder.AddSshKeys();
        builder.AddMembers();
        builder.AddServiceAccounts();
        builder.AddClusters();
        builder.AddSshCertificates();
        builder.AddApplications();
        builder.AddInventory();
        builder.AddLeaks();

        var app = builder.Build();
        app.UseWeb();

        app.MapWeb();
        app.MapCredentials();
        app.MapAccounts();
        app.MapOrganizations();
        app.MapAudit();
        app.MapKeys();
        app.MapApiKeys();
        app.MapTokens();
        app.MapSshKeys();
        app.MapMembers();
        app.MapServiceAccounts();
        app.MapClusters();
        app.MapSshCertificates();
        app.MapApplications();
        app.MapIdentityProviders();
        app.MapInventory();
        app.MapLeaks();
        return app;
    }
}
