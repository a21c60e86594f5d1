using Activate.Identity.Core.Credentials;

namespace Activate.Identity.Data.Credentials;

/// <summary>A credential that an organization's policy governs: what a cut needs to know of it.</summary>
public interface IGoverned
{
    Guid Id { get; }
    CredentialKind Kind { get; }
    /// <summary>From when the maximum of the policy counts.</summary>
    DateTime Since { get; }
    DateTime? ExpiresAt { get; set; }
    ExpiresBecause ExpiresBecause { get; set; }
    /// <summary>An application renews it by refreshing: the limit of refreshing governs it, not that of tokens.</summary>
    bool IsRenewed => false;
    /// <summary>The version of the policy under which the end was decided. Cuts of later versions apply to it.</summary>
    int PolicyVersion { get; }
}
