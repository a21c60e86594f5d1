using Activate.Identity.Core.Accounts;
using Activate.Identity.Core.Errors;
using Activate.Identity.Core.Organizations;

namespace Activate.Identity.Core.IdentityProviders;

/// <summary>Who of a provider's people may come, and as what.</summary>
public static class Admission
{
    private static readonly Problem s_closed = new(ProblemKind.Refused, "invitation_required",
        "Your organization lets people in by invitation only. Ask one of its administrators for an invitation, and open its link.");

    private static readonly Problem s_unverified = new(ProblemKind.Refused, "email_not_verified",
        "Your organization lets people in by their e-mail address, and its sign-in does not say that yours is verified. Have it verified there, or ask an administrator of your organization for an invitation.");

    /// <summary>
    /// Null when the rules let this person in. An address counts only where it is verified: otherwise anybody could type one of the right domain. Where there are a domain and a
    /// claim, both are asked for; where there is neither, nobody comes without an invitation.
    /// </summary>
    public static Problem? Refusal(IdentityProviderSettings provider, ExternalPerson person)
    {
        if (provider.AllowedDomains.Count == 0 && provider.RequiredClaim is null)
            return s_closed;
        if (provider.AllowedDomains.Count > 0)
        {
            if (person.Email is null || !IsVerified(provider, person))
                return s_unverified;
            if (DomainOf(person.Email) is not { } domain || !provider.AllowedDomains.Contains(domain))
            {
                return new Problem(ProblemKind.Refused, "domain_not_allowed",
                    "Your e-mail address is in none of the domains that your organization lets in. Sign in there with another account, or ask an administrator of your organization for an invitation.");
            }
        }

        if (provider.RequiredClaim is { } claim && !person.Values(claim).Contains(provider.RequiredValue))
        {
            return new Problem(ProblemKind.Refused, "claim_missing",
                "Your organization lets in only some of the people who can sign in there, and you are not among them. Ask an administrator of your organization to add you to the right group.");
        }

        return null;
    }

    /// <summary>Whether the address is known to be this person's.</summary>
    public static bool IsVerified(IdentityProviderSettings provider, ExternalPerson person) => person.Email is not null && (person.EmailVerified || provider.TrustsEmail);

    /// <summary>The address that a new account gets: none unless it is known to be theirs.</summary>
    public static string? EmailOf(IdentityProviderSettings provider, ExternalPerson person) =>
        IsVerified(provider, person) && EmailAddress.Parse(person.Email).TryGet(out var address, out _) ? address : null;

    /// <summary>
    /// The role that the groups give: the highest of theirs, member without any. Null: the provider has no say about roles. Never owner: whoever runs the provider would own
    /// the organization.
    /// </summary>
    public static Role? RoleOf(IdentityProviderSettings provider, ExternalPerson person)
    {
        if (provider.Roles.Count == 0 || provider.GroupsClaim is not { } claim)
            return null;
        var role = Role.Member;
        foreach (var group in person.Values(claim))
        {
            if (provider.Roles.TryGetValue(group, out var given) && given > role)
                role = given;
        }

        return role;
    }

    /// <summary>The provider vouches for two factors, and is believed.</summary>
    public static bool HasTwoFactors(IdentityProviderSettings provider, ExternalPerson person) =>
        provider.TrustsMfa && (person.Methods.Contains("mfa") || (person.Context is { } context && provider.MfaContexts.Contains(context)));

    private static string? DomainOf(string email)
    {
        var at = email.LastIndexOf('@');
        // Two @ are two readings of where the domain begins.
        return at > 0 && email.IndexOf('@', StringComparison.Ordinal) == at ? IdentityProviderRules.Domain(email[(at + 1)..]) : null;
    }
}
