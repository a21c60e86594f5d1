using System.Globalization;
using Activate.Identity.Core;
using Activate.Identity.Core.Errors;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.SshKeys;
using Activate.Identity.Server.Web;

namespace Activate.Identity.Server.SshCertificates;

/// <summary>What a cluster's sshd asks about a certificate: <c>/api/v1/authorized-principals/{account}?serial=</c>.</summary>
internal static class AuthorizedPrincipalsApi
{
    private static readonly Problem s_serial = Problems.Invalid("serial", "serial_invalid", "Give the certificate's serial: sshd's %s, a whole number greater than 0.");

    public static void MapAuthorizedPrincipalsApi(this IEndpointRouteBuilder endpoints) =>
        endpoints.MapGet("/api/v1/authorized-principals/{account}", Find).RequireScope(Scopes.AuthorizedKeysRead).WithTags("SSH certificates")
            .Produces<AuthorizedPrincipalsBody>().WithSummary("For a cluster: the principals with which a certificate may log in to a Unix account now");

    private static async Task<IResult> Find(string account, Caller caller, CertificatePrincipalsReader reader, string? serial, CancellationToken cancellationToken)
    {
        if (caller.UserKind != Data.Accounts.UserKind.ServiceAccount)
            return AuthorizedKeysApi.ClustersOnly.ToResult();
        if (!long.TryParse(serial, NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number == 0)
            return s_serial.ToResult();
        var principal = await reader.FindAsync(caller.UserId, number, cancellationToken);
        return Results.Ok(new AuthorizedPrincipalsBody(account, principal?.Account == account ? [principal.Value.ToString()] : []));
    }
}

/// <summary>Empty for every reason against it.</summary>
internal sealed record AuthorizedPrincipalsBody(string Account, IReadOnlyList<string> Principals);
