using Activate.Identity.Data.Accounts;

namespace Activate.Identity.Data.SecondFactors;

public static class SecondFactorQueries
{
    /// <summary>Users whose password alone signs nobody in: they have an authenticator app or a passkey.</summary>
    public static IQueryable<User> WithSecondFactor(this ActivateDbContext database) =>
        database.Users.Where(user => database.TotpKeys.Any(key => key.UserId == user.Id) || database.UserPasskeys.Any(passkey => passkey.UserId == user.Id));
}
