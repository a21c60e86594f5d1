using Activate.Identity.Core.Errors;
using Activate.Identity.Core.Organizations;

namespace Activate.Identity.Core.Members;

/// <summary>What counts of a person for the question who may change whom.</summary>
/// <param name="Id">The user.</param>
/// <param name="Role">In the organization.</param>
/// <param name="IsOperator">Also runs the server.</param>
public readonly record struct MemberStanding(Guid Id, Role Role, bool IsOperator);

/// <summary>
/// Who may do what to whom in an organization. Administrators look after its people, owners also after roles and each other; an administrator who could make
/// administrators, or touch owners, would be an owner. Each answers with the problem, or null.
/// </summary>
public static class MemberRules
{
    public static readonly Problem AdminRequired = new(ProblemKind.Refused, "insufficient_role", "Only administrators of your organization look after its members.");

    public static readonly Problem OwnerRequired = new(ProblemKind.Refused, "owner_required", "Only owners of your organization give roles above 'member', take roles away and change other owners.");

    public static readonly Problem OperatorRequired = new(ProblemKind.Refused, "operator_required", "This person is an operator of the server. Only operators may stop, end or remove an operator.");

    public static readonly Problem OwnAccount = new(ProblemKind.Refused, "own_account", "You cannot disable your own account: nobody signed in as you could enable it again. Leave the organization, or ask somebody else.");

    public static readonly Problem OwnSecondFactor = new(ProblemKind.Refused, "own_second_factor", "Your own second factors are under Account, Security. If all are lost, ask another administrator or owner.");

    public static readonly Problem LastOwner = new(ProblemKind.Conflict, "last_owner",
        "This is the last owner of the organization who can sign in: nobody could change roles any more. Make somebody else an owner first.");

    public static readonly Problem LastOperator = new(ProblemKind.Conflict, "last_operator", "This is the last operator of the server who can sign in: nobody could run it any more.");

    /// <summary>To bring somebody in.</summary>
    public static Problem? Invite(Role actor, Role role) => actor < Role.Admin ? AdminRequired : role > Role.Member && actor < Role.Owner ? OwnerRequired : null;

    /// <summary>To disable, enable or remove somebody, or end what they have.</summary>
    public static Problem? Change(MemberStanding actor, MemberStanding target) =>
        actor.Id == target.Id ? null
        : actor.Role < Role.Admin ? AdminRequired
        : target.Role >= Role.Owner && actor.Role < Role.Owner ? OwnerRequired
        : target.IsOperator && !actor.IsOperator ? OperatorRequired
        : null;

    /// <summary>To give somebody another role. Owners may also step back themselves.</summary>
    public static Problem? GiveRole(MemberStanding actor) => actor.Role < Role.Admin ? AdminRequired : actor.Role < Role.Owner ? OwnerRequired : null;
}
