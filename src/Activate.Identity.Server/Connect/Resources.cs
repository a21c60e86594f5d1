using Activate.Identity.Core;
using Activate.Identity.Data;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;
using OpenIddict.Abstractions;

namespace Activate.Identity.Server.Connect;

/// <summary>
/// Resource indicators (RFC 8707): the audiences a client may ask for are our own and those that a resource server has registered, server-wide or in the
/// organization of the person (or of the client that acts for itself).
/// </summary>
internal sealed class Resources(ActivateDbContext database, PublicOrigin origin)
{
    /// <summary>The <c>resource</c> parameters of a request; null when there are none.</summary>
    public static IReadOnlyList<string>? Of(OpenIddictRequest request) =>
        request.GetParameter(OpenIddictConstants.Parameters.Resource) is { } parameter && (System.Collections.Immutable.ImmutableArray<string?>?)parameter is { Length: > 0 } values
            ? [.. values.OfType<string>().Where(value => value.Length > 0).Distinct(StringComparer.Ordinal)]
            : null;

    /// <summary>Whether each is an audience that may be asked for.</summary>
    public async Task<bool> AreKnownAsync(IReadOnlyList<string>? resources, Guid? organizationId, CancellationToken cancellationToken) =>
        await NamesAsync(resources, organizationId, cancellationToken) is not null;

    /// <summary>Those of the audiences that are not ours, each with the name of the resource server that answers for it; null when one may not be asked for.</summary>
    public async Task<IReadOnlyDictionary<string, string>?> NamesAsync(IReadOnlyList<string>? resources, Guid? organizationId, CancellationToken cancellationToken)
    {
        var foreign = new Dictionary<string, string>(StringComparer.Ordinal);
        if (resources is null || resources.All(IsOurs))
            return foreign;
        var registered = await database.Applications.Where(a => a.Audiences != null && !a.Suspended && (a.OrganizationId == null || a.OrganizationId == organizationId)).OrderBy(a => a.Id)
            .Select(a => new { a.Audiences, Name = a.DisplayName ?? a.ClientId! }).ToListAsync(cancellationToken);
        foreach (var resource in resources.Where(resource => !IsOurs(resource)))
        {
            if (registered.Find(server => Scopes.Split(server.Audiences!).Contains(resource)) is not { } server)
                return null;
            foreign[resource] = server.Name;
        }

        return foreign;
    }

    private bool IsOurs(string resource) => resource == origin.ApiAudience || resource == origin.PlatformAudience;
}
