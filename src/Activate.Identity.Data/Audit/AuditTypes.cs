using System.Reflection;

namespace Activate.Identity.Data.Audit;

/// <summary>The kinds of event; documented in docs/audit.md, which a test compares.</summary>
public static class AuditTypes
{
    public const string SetupCompleted = "setup.completed";
    public const string SignedIn = "sign_in.succeeded";
    public const string SignInFailed = "sign_in.failed";
    public const string LockedOut = "sign_in.locked_out";
    public const string SignedOut = "sign_out";
    public const string PasswordChanged = "password.changed";
    public const string PasswordResetMailed = "password.reset_mailed";
    public const string PasswordReset = "password.reset";
    public const string EmailChangeAsked = "email.change_asked";
    public const string EmailChanged = "email.changed";
    public const string EmailConfirmed = "email.confirmed";
    public const string BrowserSessionsEnded = "browser_sessions.ended";
    public const string SecondFactorAdded = "second_factor.added";
    public const string SecondFactorRemoved = "second_factor.removed";
    public const string SecondFactorFailed = "second_factor.failed";
    public const string PasskeyRenamed = "passkey.renamed";
    public const string RecoveryCodesMade = "recovery_codes.made";
    public const string RecoveryCodeUsed = "recovery_code.used";
    public const string ApiKeyCreated = "api_key.created";
    public const string ApiKeyRenamed = "api_key.renamed";
    public const string ApiKeyRotated = "api_key.rotated";
    public const string ApiKeyDeleted = "api_key.deleted";
    public const string ApiKeyUnused = "api_key.unused";
    public const string ApiKeyAddressesChanged = "api_key.addresses_changed";
    public const string ApiKeyLeaked = "api_key.leaked";
    public const string TokenCreated = "token.created";
    public const string TokenDeleted = "token.deleted";
    public const string TokenLeaked = "token.leaked";
    public const string SshKeyAdded = "ssh_key.added";
    public const string SshKeyRenamed = "ssh_key.renamed";
    public const string SshKeyDeleted = "ssh_key.deleted";
    public const string SshKeyUnused = "ssh_key.unused";
    public const string SshFingerprintAllowed = "ssh_key.allowed_again";
    public const string SshCertificateIssued = "ssh_certificate.issued";
    public const string SshCertificateEnded = "ssh_certificate.ended";
    public const string SshCertificateAuthorityMade = "ssh_certificate_authority.made";
    public const string PolicyChanged = "policy.changed";
    public const string OrganizationRenamed = "organization.renamed";
    public const string SigningKeyRotated = "signing_key.rotated";
    public const string ClusterCreated = "cluster.created";
    public const string ClusterChanged = "cluster.changed";
    public const string ClusterAccountsChanged = "cluster.accounts_changed";
    public const string ClusterKeyRotated = "cluster.key_rotated";
    public const string ClusterDeleted = "cluster.deleted";
    public const string SessionStarted = "session.started";
    public const string SessionEnded = "session.ended";
    public const string SessionLeaked = "session.leaked";
    public const string DeviceApproved = "device_login.approved";
    public const string DeviceDenied = "device_login.denied";
    public const string DeviceCodeWrong = "device_login.wrong_code";
    public const string AuthorizationCodeReplayed = "authorization_code.replayed";
    public const string RefreshTokenReplayed = "refresh_token.replayed";
    public const string ApplicationDisconnected = "application.disconnected";
    public const string ApplicationCreated = "application.created";
    public const string ApplicationChanged = "application.changed";
    public const string ApplicationSuspended = "application.suspended";
    public const string ApplicationResumed = "application.resumed";
    public const string ApplicationSecretRotated = "application.secret_rotated";
    public const string ApplicationAuthenticationFailed = "application.authentication_failed";
    public const string ApplicationSecretLeaked = "application.secret_leaked";
    public const string ApplicationDeleted = "application.deleted";
    public const string ApplicationAllowed = "application.allowed";
    public const string ApplicationDenied = "application.denied";
    public const string MemberInvited = "member.invited";
    public const string MemberRoleChanged = "member.role_changed";
    public const string MemberDisabled = "member.disabled";
    public const string MemberEnabled = "member.enabled";
    public const string MemberCredentialsRevoked = "member.credentials_revoked";
    public const string MemberSecondFactorReset = "member.second_factor_reset";
    public const string MemberRemoved = "member.removed";
    public const string MemberLeft = "member.left";
    public const string MemberJoined = "member.joined";
    public const string MemberResumed = "member.resumed";
    public const string IdentityProviderCreated = "identity_provider.created";
    public const string IdentityProviderChanged = "identity_provider.changed";
    public const string IdentityProviderDeleted = "identity_provider.deleted";
    public const string ExternalLoginConnected = "external_login.connected";
    public const string ExternalLoginDisconnected = "external_login.disconnected";
    public const string InvitationRenewed = "invitation.renewed";
    public const string InvitationAccepted = "invitation.accepted";
    public const string InvitationCancelled = "invitation.cancelled";
    public const string ServiceAccountCreated = "service_account.created";
    public const string ServiceAccountChanged = "service_account.changed";
    public const string ServiceAccountRoleChanged = "service_account.role_changed";
    public const string ServiceAccountDisabled = "service_account.disabled";
    public const string ServiceAccountEnabled = "service_account.enabled";
    public const string ServiceAccountWithoutKeeper = "service_account.without_keeper";
    public const string ServiceAccountDeleted = "service_account.deleted";
    public const string OrganizationCreated = "organization.created";
    public const string OrganizationSuspended = "organization.suspended";
    public const string OrganizationResumed = "organization.resumed";
    public const string AccessRefused = "access.refused";
    public const string CredentialsExported = "credentials.exported";
    public const string ApplicationEnded = "application.ended";
    public const string AuditExported = "audit.exported";

    /// <summary>All of them, in alphabetical order.</summary>
    public static readonly IReadOnlyList<string> All =
    [
        .. typeof(AuditTypes).GetFields(BindingFlags.Public | BindingFlags.Static).Where(field => field.IsLiteral).Select(field => (string)field.GetRawConstantValue()!).Order(StringComparer.Ordinal),
    ];
}
