using Activate.Identity.Core;
using Activate.Identity.Core.Applications;
using Activate.Identity.Core.Expiration;
using Activate.Identity.Data;
using Activate.Identity.Data.Applications;
using Activate.Identity.Server.Credentials;
using Microsoft.EntityFrameworkCore;
using OpenIddict.Abstractions;
using static OpenIddict.Abstractions.OpenIddictConstants;
using Scopes = Activate.Identity.Core.Scopes;

namespace Activate.Identity.Server.Connect;

/// <summary>Applications that every server has.</summary>
public static class BuiltInApplications
{
    /// <summary>The command line. Public; device grant and loopback code flow; never gets a refresh token.</summary>
    public const string Cli = "activate-cli";

    /// <summary>Where the command line's browser login listens: any port (RFC 8252 §7.3).</summary>
    private const string Callback = "http://127.0.0.1/callback";

    /// <summary>Whether a policy lets its people use no such application: <c>applications.allowed</c>. The command line is none of them; <c>deviceLogin</c> is about it.</summary>
    internal static bool IsBarred(Policy policy, Application application) => application.ClientId != Cli && policy.Applications.Allowed == AllowedApplications.None;

    public static async Task PrepareAsync(IServiceProvider services)
    {
        var applications = services.GetRequiredService<IOpenIddictApplicationManager>();
        var descriptor = new OpenIddictApplicationDescriptor
        {
            ClientId = Cli,
            ClientType = ClientTypes.Public,
            ApplicationType = ApplicationTypes.Native,
            ConsentType = ConsentTypes.Explicit,
            DisplayName = "ACTIVATE command line",
            RedirectUris = { new Uri(Callback) },
            Permissions =
            {
                Permissions.Endpoints.DeviceAuthorization, Permissions.Endpoints.Authorization, Permissions.Endpoints.Token, Permissions.Endpoints.Revocation,
                Permissions.GrantTypes.DeviceCode, Permissions.GrantTypes.AuthorizationCode, Permissions.GrantTypes.TokenExchange, Permissions.ResponseTypes.Code,
            },
        };
        descriptor.Permissions.UnionWith(Scopes.All.Where(scope => scope is not (Scopes.OfflineAccess or Scopes.AuthorizedKeysRead)).Select(scope => Permissions.Prefixes.Scope + scope));
        try
        {
            if (await services.GetRequiredService<ActivateDbContext>().Applications.SingleOrDefaultAsync(application => application.ClientId == Cli) is { } before)
                // As this version wants it, also in a database that an older one made.
                await applications.UpdateAsync(before, descriptor);
            else
                await applications.CreateAsync(descriptor);
        }
        catch (Exception exception) when (exception is OpenIddictExceptions.ValidationException or OpenIddictExceptions.ConcurrencyException
            || (exception is DbUpdateException update && DatabaseFaults.IsDuplicate(update)))
        {
            // Another node was first: then its row is there.
            var database = services.GetRequiredService<ActivateDbContext>();
            database.ChangeTracker.Clear();
            if (!await database.Applications.AnyAsync(application => application.ClientId == Cli))
                throw;
        }

        services.GetRequiredService<CredentialCache>().Forget();
        await services.GetRequiredService<ActivateDbContext>().Applications.Where(application => application.ClientId == Cli && application.Kind != ApplicationKind.Native)
            .ExecuteUpdateAsync(set => set.SetProperty(application => application.Kind, ApplicationKind.Native));
    }
}
