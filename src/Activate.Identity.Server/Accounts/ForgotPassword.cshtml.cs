using Activate.Identity.Core.Accounts;
using Activate.Identity.Core.Errors;
using Activate.Identity.Server.Mail;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;

namespace Activate.Identity.Server.Accounts;

/// <summary>Asks for a link that sets a new password. The answer is the same whether there is such an account or not.</summary>
public sealed class ForgotPasswordPage(PasswordResets resets, MailOutbox outbox) : PageModel
{
    public const string Path = "/forgot-password";

    private static readonly Problem s_required = Problems.Invalid("account", "account_required", "Type your username or your e-mail address.");

    [BindProperty, FromForm]
    public string? Account { get; set; }

    /// <summary>Whether there is any way for the mail to go.</summary>
    public bool MailOn => outbox.IsOn;

    public bool Asked { get; private set; }

    public void OnGet()
    {
    }

    public async Task OnPostAsync(CancellationToken cancellationToken)
    {
        if (!MailOn)
            return;
        // Longer than any address: it need not be kept.
        var problem = string.IsNullOrWhiteSpace(Account) ? s_required : await resets.AskAsync(Account.AtMost(EmailAddress.MaximumLength + 1), cancellationToken);
        Asked = problem is null;
        if (problem is not null)
            this.Show(problem);
    }
}
