using Activate.Identity.Data.Accounts;
using Activate.Identity.Data.ApiKeys;
using Activate.Identity.Data.Applications;
using Activate.Identity.Data.Audit;
using Activate.Identity.Data.Clusters;
using Activate.Identity.Data.Devices;
using Activate.Identity.Data.IdentityProviders;
using Activate.Identity.Data.Keys;
using Activate.Identity.Data.Mail;
using Activate.Identity.Data.Members;
using Activate.Identity.Data.Organizations;
using Activate.Identity.Data.SecondFactors;
using Activate.Identity.Data.ServiceAccounts;
using Activate.Identity.Data.Setup;
using Activate.Identity.Data.SshCertificates;
using Activate.Identity.Data.SshKeys;
using Activate.Identity.Data.Tokens;
using Microsoft.AspNetCore.DataProtection.EntityFrameworkCore;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Identity.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.ChangeTracking;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;

namespace Activate.Identity.Data;

/// <summary>
/// Every table: ASP.NET Core Identity (schema version 3: passkeys), OpenIddict, the data-protection ring and ours. One model for all databases:
/// no JSON columns, no filtered indexes of ours, times as UTC <see cref="DateTime"/> (SQLite cannot compare DateTimeOffset).
/// </summary>
public abstract class ActivateDbContext(DbContextOptions options) : IdentityUserContext<User, Guid>(options), IDataProtectionKeyContext
{
    public DbSet<Organization> Organizations => Set<Organization>();
    public DbSet<PolicyCut> PolicyCuts => Set<PolicyCut>();
    public DbSet<Invitation> Invitations => Set<Invitation>();
    public DbSet<RetiredUsername> RetiredUsernames => Set<RetiredUsername>();
    public DbSet<ServiceAccount> ServiceAccounts => Set<ServiceAccount>();
    public DbSet<ServiceAccountKeeper> ServiceAccountKeepers => Set<ServiceAccountKeeper>();
    public DbSet<BrowserSession> BrowserSessions => Set<BrowserSession>();
    public DbSet<PendingSignIn> PendingSignIns => Set<PendingSignIn>();
    public DbSet<TotpKey> TotpKeys => Set<TotpKey>();
    public DbSet<RecoveryCode> RecoveryCodes => Set<RecoveryCode>();
    public DbSet<IdentityProvider> IdentityProviders => Set<IdentityProvider>();
    public DbSet<ExternalLogin> ExternalLogins => Set<ExternalLogin>();
    public DbSet<SpentForm> SpentForms => Set<SpentForm>();
    public DbSet<ApiKey> ApiKeys => Set<ApiKey>();
    public DbSet<ApiKeyHash> ApiKeyHashes => Set<ApiKeyHash>();
    public DbSet<TokenGrant> TokenGrants => Set<TokenGrant>();
    public DbSet<SshKey> SshKeys => Set<SshKey>();
    public DbSet<KnownSshKey> KnownSshKeys => Set<KnownSshKey>();
    public DbSet<SshCertificateAuthority> SshCertificateAuthorities => Set<SshCertificateAuthority>();
    public DbSet<SshCertificate> SshCertificates => Set<SshCertificate>();
    public DbSet<Cluster> Clusters => Set<Cluster>();
    public DbSet<ClusterUser> ClusterUsers => Set<ClusterUser>();
    public DbSet<ClusterAccount> ClusterAccounts => Set<ClusterAccount>();
    public DbSet<DeviceRequest> DeviceRequests => Set<DeviceRequest>();
    public DbSet<Application> Applications => Set<Application>();
    public DbSet<AuthorizationCode> AuthorizationCodes => Set<AuthorizationCode>();
    public DbSet<PushedRequest> PushedRequests => Set<PushedRequest>();
    public DbSet<Consent> Consents => Set<Consent>();
    public DbSet<EndedToken> EndedTokens => Set<EndedToken>();
    public DbSet<AuditEvent> AuditEvents => Set<AuditEvent>();
    public DbSet<AuditWords> AuditWords => Set<AuditWords>();
    public DbSet<AuditPerson> AuditPersons => Set<AuditPerson>();
    public DbSet<MailedCode> MailedCodes => Set<MailedCode>();
    public DbSet<MailMessage> MailMessages => Set<MailMessage>();
    public DbSet<ExpiryNotice> ExpiryNotices => Set<ExpiryNotice>();
    public DbSet<OneTimeCode> OneTimeCodes => Set<OneTimeCode>();
    public DbSet<ServerFact> ServerFacts => Set<ServerFact>();
    public DbSet<ServerKey> ServerKeys => Set<ServerKey>();
    public DbSet<Throttle> Throttles => Set<Throttle>();
    public DbSet<DataProtectionKey> DataProtectionKeys => Set<DataProtectionKey>();

    /// <summary>The database lets one connection write at a time, and flushes to disk for each transaction: writers gain by sharing one.</summary>
    public virtual bool HasOneWriter => false;

    /// <summary>Whether the next commits of this open connection wait until they are on the disk; for a database with one writer alone. False survives the death of this process, but not a power loss.</summary>
    public virtual void WaitForDisk(bool wait) => throw new NotSupportedException("Each connection of this database commits by itself.");

    public override int SaveChanges(bool acceptAllChangesOnSuccess)
    {
        var added = AuditRules.Apply(this);
        try
        {
            return base.SaveChanges(acceptAllChangesOnSuccess);
        }
        catch
        {
            Forget(added);
            throw;
        }
    }

    public override async Task<int> SaveChangesAsync(bool acceptAllChangesOnSuccess, CancellationToken cancellationToken = default)
    {
        var added = AuditRules.Apply(this);
        try
        {
            return await base.SaveChangesAsync(acceptAllChangesOnSuccess, cancellationToken);
        }
        catch
        {
            Forget(added);
            throw;
        }
    }

    protected override void OnModelCreating(ModelBuilder builder)
    {
        base.OnModelCreating(builder);
        builder.Entity<IdentityUserClaim<Guid>>().ToTable("UserClaims");
        builder.Entity<IdentityUserLogin<Guid>>().ToTable("UserLogins");
        builder.Entity<IdentityUserToken<Guid>>().ToTable("UserTokens");
        builder.Entity<IdentityUserPasskey<Guid>>().ToTable("UserPasskeys");
        builder.ApplyConfigurationsFromAssembly(typeof(ActivateDbContext).Assembly);
    }

    protected override void ConfigureConventions(ModelConfigurationBuilder configurationBuilder)
    {
        base.ConfigureConventions(configurationBuilder);
        configurationBuilder.Properties<DateTime>().HaveConversion<UtcConverter>();
        configurationBuilder.Properties<DateTimeOffset>().HaveConversion<UtcOffsetConverter>();
    }

    private static void Forget(IReadOnlyList<EntityEntry> added)
    {
        foreach (var entry in added)
            entry.State = EntityState.Detached;
    }

    /// <summary>Databases forget that a time is UTC; the program must not. (Internal, like the next: the compiled models name them.)</summary>
    internal sealed class UtcConverter() : ValueConverter<DateTime, DateTime>(
        time => time.Kind == DateTimeKind.Utc ? time : time.ToUniversalTime(),
        time => DateTime.SpecifyKind(time, DateTimeKind.Utc));

    internal sealed class UtcOffsetConverter() : ValueConverter<DateTimeOffset, DateTime>(
        time => time.UtcDateTime,
        time => new DateTimeOffset(DateTime.SpecifyKind(time, DateTimeKind.Utc)));
}
