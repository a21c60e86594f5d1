using Activate.Identity.Core.Expiration;
using Activate.Identity.Server.Web;

namespace Activate.Identity.Server.Organizations;

/// <summary>Section <c>Policy:Ceiling</c>: limits over every organization, in the shape of a policy. What is left out is no limit.</summary>
public sealed class PolicyCeiling
{
    /// <summary>The limits themselves; what is not set limits nothing.</summary>
    public Policy Policy { get; }

    /// <summary>What is set.</summary>
    public PolicyDocument Document { get; }

    /// <summary>What an organization has where its own policy is silent: the policy of a new organization, with the server's defaults where it sets some.</summary>
    public Policy Inherited { get; }

    /// <exception cref="StartupException">A setting is unknown or means nothing: a ceiling that somebody believes in must not be silently absent.</exception>
    public PolicyCeiling(IConfiguration configuration)
    {
        var section = configuration.GetSection("Policy:Ceiling");
        section.AllowOnly([.. PolicyMember.All.Select(Key)]);
        var members = PolicyMember.All.Select(member => KeyValuePair.Create(member, Value(section, member))).Where(pair => pair.Value is not null).ToList();
        Document = PolicyDocument.From(members);
        Policy = Document.Over(Policy.Unlimited, RuleOwner.Server);
        Inherited = PolicyDocument.From(members.Where(pair => pair.Key.Name.StartsWith("default", StringComparison.Ordinal))).Over(Policy.Fresh, RuleOwner.Server);
    }

    private static string Key(PolicyMember member) => string.Join(':', member.Path.Split('.').Select(part => char.ToUpperInvariant(part[0]) + part[1..]));

    private static int? Value(IConfigurationSection section, PolicyMember member)
    {
        var key = Key(member);
        if (section[key] is not { Length: > 0 })
            return null;
        return member.Kind switch
        {
            PolicyMemberKind.Limit => section.Limit(key, member.Largest, member.Smallest),
            PolicyMemberKind.Flag => section.Flag(key, false) ? 1 : 0,
            PolicyMemberKind.Applications => (int)section.Choice(key, AllowedApplications.All),
        };
    }
}
