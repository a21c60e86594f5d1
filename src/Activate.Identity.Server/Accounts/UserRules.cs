using Activate.Identity.Core.Accounts;
using Activate.Identity.Core.Errors;
using Activate.Identity.Data.Accounts;
using Microsoft.AspNetCore.Identity;

namespace Activate.Identity.Server.Accounts;

/// <summary>Core's rules where ASP.NET Core Identity asks for its own, so that no way through UserManager goes around them.</summary>
internal sealed class UserRules : IUserValidator<User>, IPasswordValidator<User>, ILookupNormalizer
{
    public Task<IdentityResult> ValidateAsync(UserManager<User> manager, User user)
    {
        var problem = Username.Parse(user.UserName).Problem ?? (user.Email is null ? null : EmailAddress.Parse(user.Email).Problem);
        return Task.FromResult(Answer(problem));
    }

    public Task<IdentityResult> ValidateAsync(UserManager<User> manager, User user, string? password) =>
        Task.FromResult(Answer(PasswordRules.Parse(password, [user.UserName, user.Email]).Problem));

    /// <summary>Usernames exist in lower case only, so the normal form is the name itself; somebody's capital A (telephones do that) is taken for an a.</summary>
    public string? NormalizeName(string? name) => Normalize(name);

    public string? NormalizeEmail(string? email) => email is null ? null : EmailAddress.Normalize(email);

    // ASCII only: İ, K (Kelvin) and their like must not turn into letters of somebody's name.
    internal static string? Normalize(string? name) => name is null ? null : string.Create(name.Length, name, static (span, from) =>
    {
        for (var i = 0; i < from.Length; i++)
            span[i] = char.IsAsciiLetterUpper(from[i]) ? (char)(from[i] | 0x20) : from[i];
    });

    private static IdentityResult Answer(Problem? problem) =>
        problem is null ? IdentityResult.Success : IdentityResult.Failed(new IdentityError { Code = problem.Code, Description = problem.Detail });
}
