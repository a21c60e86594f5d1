using Activate.Identity.Core.Errors;
using Activate.Identity.Server.Accounts;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;

namespace Activate.Identity.Server.SecondFactors;

/// <summary>
/// <c>/sign-in/second-factor</c>: after the password, a code or a passkey. Whoever has neither and needs one sets it up here. Until it is done nobody is signed in: the page knows
/// the person from the pending sign-in alone.
/// </summary>
public sealed class SecondStepPage(PendingSignIns pending, SecondFactorRegistry factors, TotpAuthenticator totp, PasskeyCeremonies passkeys) : PageModel
{
    public const string Path = "/sign-in/second-factor";

    private string? _ticket;

    [BindProperty, FromForm]
    public string? Name { get; set; }

    [FromQuery(Name = "returnUrl")]
    public string? ReturnUrl { get; set; }

    public Halfway Person { get; private set; } = null!;

    public PasskeyChallenge? Asked { get; private set; }

    /// <summary>For somebody without a second factor.</summary>
    public TotpSetup? Setup { get; private set; }

    public IReadOnlyList<string>? RecoveryCodes { get; private set; }

    public string Next => LocalAddress.From(ReturnUrl);

    public static string PathTo(string returnUrl) => returnUrl == LocalAddress.Start ? Path : $"{Path}?returnUrl={Uri.EscapeDataString(returnUrl)}";

    public Task<IActionResult> OnGetAsync(CancellationToken cancellationToken) => WithPersonAsync(() => Task.FromResult<Problem?>(null), cancellationToken);

    public Task<IActionResult> OnPostAsync([FromForm] string? code, CancellationToken cancellationToken) =>
        WithPersonAsync(() => factors.FinishAsync(HttpContext, Person, code, cancellationToken), cancellationToken);

    public Task<IActionResult> OnPostPasskeyAsync([FromForm] string? ticket, [FromForm] string? credential, CancellationToken cancellationToken) =>
        WithPersonAsync(() => factors.FinishAsync(HttpContext, Person, ticket, credential, cancellationToken), cancellationToken);

    public Task<IActionResult> OnPostAppAsync([FromForm] string? ticket, [FromForm] string? code, CancellationToken cancellationToken)
    {
        _ticket = ticket;
        return WithPersonAsync(() => AddAsync(Task.FromResult(totp.Prove(ticket, code, Person.UserId)), cancellationToken), cancellationToken);
    }

    public Task<IActionResult> OnPostAddPasskeyAsync([FromForm] string? ticket, [FromForm] string? credential, CancellationToken cancellationToken) =>
        WithPersonAsync(() => AddAsync(passkeys.ProveAsync(HttpContext, ticket, credential, Name, Person.UserId, cancellationToken), cancellationToken), cancellationToken);

    public async Task<IActionResult> OnPostCancelAsync(CancellationToken cancellationToken)
    {
        await pending.ForgetAsync(HttpContext, cancellationToken);
        return this.SeeOther(SignInPage.Path);
    }

    private async Task<Problem?> AddAsync(Task<Result<NewFactor>> proving, CancellationToken cancellationToken)
    {
        if (!(await proving).TryGet(out var factor, out var problem) || !(await factors.AddAsync(HttpContext, Person, factor, cancellationToken)).TryGet(out var added, out problem))
            return problem;
        RecoveryCodes = added.RecoveryCodes;
        return null;
    }

    /// <summary>Does what was asked for the person between the steps; with nobody there, back to the first.</summary>
    private async Task<IActionResult> WithPersonAsync(Func<Task<Problem?>> work, CancellationToken cancellationToken)
    {
        if (await pending.FindAsync(HttpContext, cancellationToken) is not { } person)
            return this.SeeOther(SignInPage.PathTo(Next));
        Person = person;
        var problem = await work();
        if (problem == PendingSignIns.Over)
            return this.SeeOther(SignInPage.PathTo(Next));
        if (problem is not null)
            this.Show(problem);
        else if (RecoveryCodes is not null)
            return Page();
        else if (HttpMethods.IsPost(Request.Method))
            return this.SeeOther(Next);
        if (!person.HasSecondFactor)
        {
            Setup = totp.SameSetup(_ticket, person.UserId, person.Username);
            Name ??= UserAgentWords.Of(Request.Headers.UserAgent);
            Asked = await passkeys.ForNewAsync(HttpContext, person.UserId, person.Username, null);
        }
        else if (person.HasPasskey)
        {
            Asked = await passkeys.ForAsync(HttpContext, person.UserId);
        }

        return Page();
    }
}
