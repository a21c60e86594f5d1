using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Expiration;
using Activate.Identity.Data.Credentials;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Activate.Identity.Data.Organizations;

/// <summary>
/// A policy that was tightened with <c>shorten</c>. It counts for every check from the moment it is committed, for all credentials decided under an earlier version;
/// their rows are rewritten afterwards, and then it is only history, deleted after a day. Never changed but for the progress of that; a later one may take its place.
/// </summary>
public sealed class PolicyCut
{
    public Guid OrganizationId { get; init; }
    public Organization? Organization { get; init; }
    /// <summary>The version of the policy that it came with.</summary>
    public int Version { get; init; }
    public DateTime At { get; init; }
    public DateTime GraceEndsAt { get; set; }
    public int? ApiKeyMaximumDays { get; init; }
    public int? TokenMaximumHours { get; init; }
    public int? SshKeyMaximumDays { get; init; }
    public int? RefreshMaximumDays { get; init; }
    /// <summary>Until when a node has the rewriting to itself.</summary>
    public DateTime? ClaimedUntil { get; set; }
    /// <summary>When the last row was rewritten; null: checks still have to apply it.</summary>
    public DateTime? DoneAt { get; set; }

    /// <summary>The end of a credential under this cut.</summary>
    public DateTime? End(CredentialKind kind, DateTime since, DateTime? end, bool isRenewed = false) =>
        End(kind, since, end, GraceEndsAt, ApiKeyMaximumDays, isRenewed ? RefreshMaximumDays * 24 : TokenMaximumHours, SshKeyMaximumDays);

    /// <summary>The same from the columns of a query.</summary>
    public static DateTime? End(CredentialKind kind, DateTime since, DateTime? end, DateTime graceEndsAt, int? apiKeyDays, int? tokenHours, int? sshKeyDays) =>
        Cut.End(end, since, kind switch
        {
            CredentialKind.ApiKey => Span(apiKeyDays, TimeSpan.FromDays(1)),
            CredentialKind.Token or CredentialKind.Session => Span(tokenHours, TimeSpan.FromHours(1)),
            CredentialKind.SshKey => Span(sshKeyDays, TimeSpan.FromDays(1)),
        }, graceEndsAt);

    /// <summary>Gives a credential that was read the end it has under this cut. True when it is another.</summary>
    public bool ApplyTo(IGoverned credential)
    {
        if (credential.PolicyVersion >= Version || End(credential.Kind, credential.Since, credential.ExpiresAt, credential.IsRenewed) is not { } end || end == credential.ExpiresAt)
            return false;
        (credential.ExpiresAt, credential.ExpiresBecause) = (end, ExpiresBecause.Policy);
        return true;
    }

    /// <summary>True: this later cut leaves no credential of any kind a longer life than an earlier one does; only their graces may differ.</summary>
    public bool IsAsStrictAs(PolicyCut earlier) =>
        IsAsStrict(ApiKeyMaximumDays, earlier.ApiKeyMaximumDays) && IsAsStrict(TokenMaximumHours, earlier.TokenMaximumHours)
        && IsAsStrict(SshKeyMaximumDays, earlier.SshKeyMaximumDays) && IsAsStrict(RefreshMaximumDays, earlier.RefreshMaximumDays);

    private static bool IsAsStrict(int? maximum, int? earlier) => earlier is null || maximum <= earlier;

    private static TimeSpan? Span(int? amount, TimeSpan unit) => amount is { } n ? n * unit : null;
}

internal sealed class PolicyCutMapping : IEntityTypeConfiguration<PolicyCut>
{
    public void Configure(EntityTypeBuilder<PolicyCut> builder)
    {
        builder.ToTable("PolicyCuts");
        builder.HasKey(c => new { c.OrganizationId, c.Version });
        builder.HasOne(c => c.Organization).WithMany().HasForeignKey(c => c.OrganizationId).OnDelete(DeleteBehavior.Cascade);
        builder.HasIndex(c => c.DoneAt);
    }
}
