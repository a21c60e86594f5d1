using Activate.Identity.Data.Accounts;
using Activate.Identity.Data.Tokens;
using Activate.Identity.Server.Credentials;

namespace Activate.Identity.Server.Connect;

/// <summary>A grant and its owner (with organization), checked just now, and the access token that stands on it.</summary>
public sealed record Standing(User Owner, TokenGrant Grant, string Token)
{
    public static Standing Of(User owner, TokenGrant grant, AccessTokenWriter writer) => new(owner, grant, writer.Write(grant, owner.Organization!.Slug));

    public override string ToString() => $"grant {Grant.Id}";
}
