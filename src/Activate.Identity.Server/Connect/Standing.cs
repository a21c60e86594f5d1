using Activate.Identity.Data.Accounts;
using Activate.Identity.Data.Tokens;

namespace Activate.Identity.Server.Connect;

/// <summary>A grant and its owner (with organization), checked just now: what a token is made from.</summary>
public sealed record Standing(User Owner, TokenGrant Grant);
