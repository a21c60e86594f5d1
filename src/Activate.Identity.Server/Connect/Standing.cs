using Activate.Identity.Data.Accounts;
using Activate.Identity.Data.Tokens;
using Activate.Identity.Server.Credentials;

namespace Activate.Identity.Server.Connect;

/// <summary>A grant and its owner (with organization), checked just now, and the access token that stands on it.</summary>
public sealed record Standing(User Owner, TokenGrant Grant, string Token)
{
    /// <summary>Writes the token of a grant; of a new one, its last four characters too.</summary>
    public static Standing Of(User owner, TokenGrant grant, AccessTokenWriter writer)
    {
        var token = writer.Write(grant, owner.Organization!.Slug, grant.Id);
        grant.Last4 = token[^4..];
        return new Standing(owner, grant, token);
    }

    public override string ToString() => $"grant {Grant.Id}";
}
