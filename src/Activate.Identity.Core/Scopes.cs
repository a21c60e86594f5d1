using System.Collections.Frozen;
using Activate.Identity.Core.Organizations;

namespace Activate.Identity.Core;

/// <summary>The scopes of the contract, in the order in which people are shown them.</summary>
public static class Scopes
{
    public const string OpenId = "openid";
    public const string Profile = "profile";
    public const string Email = "email";
    public const string OfflineAccess = "offline_access";
    public const string Platform = "platform";
    public const string CredentialsRead = "credentials:read";
    public const string CredentialsWrite = "credentials:write";
    public const string OrganizationRead = "organization:read";
    public const string OrganizationWrite = "organization:write";
    public const string AuditRead = "audit:read";
    public const string AuthorizedKeysRead = "authorized-keys:read";

    /// <summary>What a credential may do, in plain words, for consent and key pages.</summary>
    public static readonly IReadOnlyDictionary<string, string> Descriptions = new Dictionary<string, string>
    {
        [OpenId] = "Know who you are on this server",
        [Profile] = "See your name and username",
        [Email] = "See your e-mail address",
        [OfflineAccess] = "Stay signed in when you are away",
        [Platform] = "Use the ACTIVATE platform as you",
        [CredentialsRead] = "List your API keys, tokens, sessions and SSH keys",
        [CredentialsWrite] = "Create and delete your API keys, tokens and SSH keys",
        [OrganizationRead] = "See your organization, its members and its policy",
        [OrganizationWrite] = "Change your organization, its members and its policy",
        [AuditRead] = "Read your organization's audit log",
        [AuthorizedKeysRead] = "Look up the SSH keys that may log in to a cluster",
    }.ToFrozenDictionary();

    /// <summary>Every scope the server knows.</summary>
    public static readonly FrozenSet<string> All = Descriptions.Keys.ToFrozenSet();

    /// <summary>What is granted when nothing is asked for.</summary>
    public static readonly IReadOnlyList<string> Default = [Platform, CredentialsRead];

    /// <summary>Scopes an API key or a generated token may carry: those of OpenID Connect are for sign-in. A write scope lets a key delete and rename, never make a key.</summary>
    public static readonly FrozenSet<string> ForKeys =
        FrozenSet.ToFrozenSet([Platform, CredentialsRead, CredentialsWrite, OrganizationRead, OrganizationWrite, AuditRead]);

    /// <summary>Scopes that are given only when asked for, after a recent sign-in, and shown in bold.</summary>
    public static readonly FrozenSet<string> Sensitive = FrozenSet.ToFrozenSet([CredentialsWrite, OrganizationWrite]);

    /// <summary>The scopes of a space-separated list (RFC 6749 §3.3), as they are stored and travel.</summary>
    public static string[] Split(string scopes) => scopes.Split(' ', StringSplitOptions.RemoveEmptyEntries);

    public static string Join(IEnumerable<string> scopes) => string.Join(' ', scopes);

    /// <summary>The least role that may hold the scope. Checked when a credential is issued and again whenever it is used.</summary>
    public static Role LeastRole(string scope) => scope is AuditRead or OrganizationWrite ? Role.Admin : Role.Member;

    /// <summary>The scopes among <paramref name="granted"/> that an owner with <paramref name="role"/> may use now.</summary>
    public static IEnumerable<string> AllowedTo(Role role, IEnumerable<string> granted) => granted.Where(scope => role >= LeastRole(scope));
}
