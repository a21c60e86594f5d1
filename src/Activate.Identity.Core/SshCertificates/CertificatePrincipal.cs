using System.Diagnostics.CodeAnalysis;
using Activate.Identity.Core.Accounts;

namespace Activate.Identity.Core.SshCertificates;

/// <summary>
/// What a certificate says it opens: one Unix account on one cluster, <c>ada@01993a54-2d3f-7d4c-9e26-5e7fa4c3da92</c>. An account's name alone would open the account of that name
/// on every cluster that trusts the authority, also where its owner may not log in and where the name is somebody else's.
/// </summary>
/// <param name="Account">A Unix account.</param>
/// <param name="ClusterId">The cluster.</param>
public readonly record struct CertificatePrincipal(string Account, Guid ClusterId)
{
    public override string ToString() => $"{Account}@{ClusterId}";

    public static bool TryParse(string? text, [NotNullWhen(true)] out CertificatePrincipal? principal)
    {
        principal = text?.Split('@') is [var account, var cluster] && Username.Parse(account).Problem is null && Guid.TryParseExact(cluster, "D", out var id)
            && new CertificatePrincipal(account, id) is var parsed && parsed.ToString() == text ? parsed : null;
        return principal is not null;
    }

    /// <summary>The account of a person on a cluster: the one an administrator named, else that of the username, unless somebody else was given it. Null: they have none there.</summary>
    /// <param name="username">The person's.</param>
    /// <param name="mapped">What an administrator named.</param>
    /// <param name="isOthers">Whether an administrator gave the account that is called like the person to somebody.</param>
    public static string? AccountOf(string username, string? mapped, bool isOthers) => mapped ?? (isOthers ? null : username);
}
