using Activate.Identity.Core.ServiceAccounts;
using Activate.Identity.Data.Accounts;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Activate.Identity.Data.ServiceAccounts;

/// <summary>What a service account has beyond what every user has. The accounts of clusters have no such row: they are managed with their cluster.</summary>
public sealed class ServiceAccount
{
    public Guid UserId { get; init; }
    public User? User { get; init; }
    public required string Description { get; set; }
}

/// <summary>A person who looks after a service account.</summary>
public sealed class ServiceAccountKeeper
{
    public Guid AccountId { get; init; }
    public ServiceAccount? Account { get; init; }
    public Guid KeeperId { get; init; }
    public User? Keeper { get; init; }
}

internal sealed class ServiceAccountMapping : IEntityTypeConfiguration<ServiceAccount>, IEntityTypeConfiguration<ServiceAccountKeeper>
{
    public void Configure(EntityTypeBuilder<ServiceAccount> builder)
    {
        builder.ToTable("ServiceAccounts");
        builder.HasKey(a => a.UserId);
        builder.Property(a => a.Description).HasMaxLength(ServiceAccountRules.LongestStoredDescription);
        builder.HasOne(a => a.User).WithOne().HasForeignKey<ServiceAccount>(a => a.UserId).OnDelete(DeleteBehavior.Cascade);
    }

    public void Configure(EntityTypeBuilder<ServiceAccountKeeper> builder)
    {
        builder.ToTable("ServiceAccountKeepers");
        builder.HasKey(k => new { k.AccountId, k.KeeperId });
        // Restrict: SQL Server takes only one way from a user to this table. Whoever deletes an account takes its keepers off first.
        builder.HasOne(k => k.Account).WithMany().HasForeignKey(k => k.AccountId).OnDelete(DeleteBehavior.Restrict);
        builder.HasOne(k => k.Keeper).WithMany().HasForeignKey(k => k.KeeperId).OnDelete(DeleteBehavior.Cascade);
        builder.HasIndex(k => k.KeeperId);
    }
}
