using Activate.Identity.Core.Accounts;
using Activate.Identity.Core.Errors;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Mvc.RazorPages;

namespace Activate.Identity.Server.Accounts;

/// <summary>The two fields of a form where somebody chooses a password.</summary>
internal static class NewPassword
{
    private static readonly Problem s_repeat = Problems.Invalid("repeat", "password_repeat", "The two passwords are not the same.");

    /// <summary>Says beside each field what is wrong with it.</summary>
    /// <param name="page">The form.</param>
    /// <param name="password">As typed.</param>
    /// <param name="repeat">As typed again.</param>
    /// <param name="about">Words that an attacker would try first.</param>
    public static void ShowPasswordProblems(this PageModel page, string? password, string? repeat, params IEnumerable<string?> about)
    {
        if (PasswordRules.Parse(password, about).Problem is { } problem)
            page.Show(problem);
        if (password != repeat)
            page.Show(s_repeat);
    }
}
