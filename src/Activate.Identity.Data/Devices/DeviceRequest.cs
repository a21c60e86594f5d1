using Activate.Identity.Data.Accounts;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Activate.Identity.Data.Devices;

/// <summary>Where a device authorization request stands. Each step is one conditional UPDATE, so the first decision is final.</summary>
public enum DeviceRequestStatus
{
    Pending = 1,
    Approved = 2,
    Denied = 3,
    Redeemed = 4,
}

/// <summary>One device authorization request (RFC 8628): from the codes handed out to the token fetched.</summary>
public sealed class DeviceRequest
{
    public Guid Id { get; init; }
    /// <summary>SHA-256 of the device code, which says the id too.</summary>
    public required byte[] DeviceCodeHash { get; init; }
    /// <summary>HMAC of the user code with a ring key: a short code must not be guessable from a stolen database.</summary>
    public required byte[] UserCodeHash { get; init; }
    public required string ClientId { get; init; }
    /// <summary>Space-separated: as asked for, and once it is approved those that were allowed.</summary>
    public required string Scopes { get; init; }
    /// <summary>What the device calls itself; not to be believed.</summary>
    public string? DeviceName { get; init; }
    /// <summary>The lifetime the device wished for, in hours.</summary>
    public int? LifetimeWish { get; init; }
    public string? Address { get; init; }
    public DateTime CreatedAt { get; init; }
    public DateTime ExpiresAt { get; init; }

    /// <summary>Seconds the device must wait between polls; grows by 5 with each poll that comes too soon.</summary>
    public int Interval { get; init; }
    /// <summary>Unix time in milliseconds before which a poll is too soon.</summary>
    public long NextPollAt { get; init; }

    public DeviceRequestStatus Status { get; init; }
    /// <summary>The browser session that opened the code first; no other may see or decide it.</summary>
    public Guid? ClaimedBySession { get; init; }
    public Guid? DecidedBy { get; init; }
    public User? Decider { get; init; }
    public DateTime? DecidedAt { get; init; }
    /// <summary>When the person who decided had last signed in.</summary>
    public DateTime? AuthenticatedAt { get; init; }
    /// <summary>How, as <see cref="Tokens.TokenGrant.Methods"/>.</summary>
    public string? Methods { get; init; }
    public int? ApprovedHours { get; init; }
    public DateTime? RedeemedAt { get; init; }
    /// <summary>The grant the device got. A poll repeated because the answer was lost gets the same token again.</summary>
    public Guid? GrantId { get; init; }
}

internal sealed class DeviceRequestMapping : IEntityTypeConfiguration<DeviceRequest>
{
    public void Configure(EntityTypeBuilder<DeviceRequest> builder)
    {
        builder.ToTable("DeviceRequests");
        builder.Property(r => r.DeviceCodeHash).HasMaxLength(32);
        builder.Property(r => r.UserCodeHash).HasMaxLength(32);
        builder.Property(r => r.Methods).HasMaxLength(64);
        builder.Property(r => r.ClientId).HasMaxLength(100);
        builder.Property(r => r.Scopes).HasMaxLength(512);
        builder.Property(r => r.DeviceName).HasMaxLength(128);
        builder.Property(r => r.Address).HasMaxLength(64);
        builder.HasOne(r => r.Decider).WithMany().HasForeignKey(r => r.DecidedBy).OnDelete(DeleteBehavior.Cascade);
        builder.HasIndex(r => r.UserCodeHash).IsUnique();
        builder.HasIndex(r => r.ExpiresAt);
        builder.HasIndex(r => new { r.Address, r.ExpiresAt });
    }
}
