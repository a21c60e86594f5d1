using Activate.Identity.Core;
using Activate.Identity.Data;
using Activate.Identity.Data.Applications;
using Microsoft.EntityFrameworkCore;
using OpenIddict.Abstractions;
using static OpenIddict.Abstractions.OpenIddictConstants;
using Scopes = Activate.Identity.Core.Scopes;

namespace Activate.Identity.Server.Connect;

/// <summary>Applications that every server has.</summary>
public static class BuiltInApplications
{
    /// <summary>The command line. Public; device grant; never gets a refresh token.</summary>
    public const string Cli = "activate-cli";

    public static async Task PrepareAsync(IServiceProvider services)
    {
        var applications = services.GetRequiredService<IOpenIddictApplicationManager>();
        if (await applications.FindByClientIdAsync(Cli) is not null)
            return;
        var descriptor = new OpenIddictApplicationDescriptor
        {
            ClientId = Cli,
            ClientType = ClientTypes.Public,
            ApplicationType = ApplicationTypes.Native,
            ConsentType = ConsentTypes.Explicit,
            DisplayName = "ACTIVATE command line",
            Permissions = { Permissions.Endpoints.DeviceAuthorization, Permissions.Endpoints.Token, Permissions.Endpoints.Revocation, Permissions.GrantTypes.DeviceCode },
        };
        descriptor.Permissions.UnionWith(Scopes.All.Where(scope => scope is not (Scopes.OfflineAccess or Scopes.AuthorizedKeysRead)).Select(scope => Permissions.Prefixes.Scope + scope));
        try
        {
            await applications.CreateAsync(descriptor);
        }
        catch (Exception exception) when (exception is OpenIddictExceptions.ValidationException || exception is DbUpdateException update && DatabaseFaults.IsDuplicate(update))
        {
            // Another node was first: then its row is there.
            var database = services.GetRequiredService<ActivateDbContext>();
            database.ChangeTracker.Clear();
            if (!await database.Applications.AnyAsync(application => application.ClientId == Cli))
                throw;
        }
    }
}
