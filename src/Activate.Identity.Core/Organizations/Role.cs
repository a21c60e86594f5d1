namespace Activate.Identity.Core.Organizations;

/// <summary>What a user may do in the organization. Ordered: a higher role may do all that a lower one may.</summary>
public enum Role
{
    Member = 1,
    Admin = 2,
    Owner = 3,
}
