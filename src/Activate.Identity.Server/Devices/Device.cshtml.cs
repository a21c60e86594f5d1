using System.Globalization;
using Activate.Identity.Core.Errors;
using Activate.Identity.Data.Devices;
using Activate.Identity.Server.Accounts;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;

namespace Activate.Identity.Server.Devices;

/// <summary>
/// <c>/device</c>: a person enters the code of a device, sees who asks for what, and allows or denies it. A GET changes nothing and looks for nothing: a link with
/// the code only fills it in, and whoever follows one that a stranger sent has guessed nothing.
/// </summary>
[Authorize]
public sealed class DevicePage(DeviceApprovals approvals) : PageModel
{
    /// <summary>With room for spaces and dashes.</summary>
    public const int LongestCode = 64;

    public string? Code { get; private set; }

    public DeviceApproval? Approval { get; private set; }

    /// <summary>Set when it is decided.</summary>
    public DeviceRequestStatus? Decision { get; private set; }

    public Problem? Problem { get; private set; }

    public SignedIn Person { get; private set; } = null!;

    public async Task<IActionResult> OnGetAsync([FromQuery(Name = "user_code")] string? userCode, CancellationToken cancellationToken)
    {
        Person = SignedIn.Required(HttpContext);
        Code = userCode?.Trim().AtMost(LongestCode);
        if (await approvals.OpenedAsync(Code, Person, cancellationToken) is { } opened)
            Show(opened);
        return Answer();
    }

    public async Task<IActionResult> OnPostAsync(string? code, CancellationToken cancellationToken)
    {
        Person = SignedIn.Required(HttpContext);
        Code = code;
        Show(await approvals.OpenAsync(code, Person, cancellationToken));
        return Answer();
    }

    public Task<IActionResult> OnPostAllowAsync(string? code, int hours, CancellationToken cancellationToken) => DecideAsync(code, hours, cancellationToken);

    public Task<IActionResult> OnPostDenyAsync(string? code, CancellationToken cancellationToken) => DecideAsync(code, null, cancellationToken);

    private async Task<IActionResult> DecideAsync(string? code, int? hours, CancellationToken cancellationToken)
    {
        Person = SignedIn.Required(HttpContext);
        if ((await approvals.DecideAsync(code, Person, hours, cancellationToken)).TryGet(out var request, out var problem))
        {
            Decision = request.Status;
            return Answer();
        }

        if (problem == DeviceApprovals.RecentSignInRequired)
            return Redirect($"/sign-in?reauthenticate=1&returnUrl={Uri.EscapeDataString($"/device?user_code={Uri.EscapeDataString(code ?? "")}")}");
        Code = code;
        Problem = problem;
        return Answer();
    }

    private void Show(Result<DeviceApproval> opened)
    {
        if (!opened.TryGet(out var approval, out var problem))
            Problem = problem;
        else if (approval.Request.Status == DeviceRequestStatus.Pending)
            Approval = approval;
        else
            Decision = approval.Request.Status;
    }

    private PageResult Answer()
    {
        Response.StatusCode = Problem?.Kind == ProblemKind.TooMany ? Problem.StatusCode() : StatusCodes.Status200OK;
        if (Problem?.RetryAfter is { } wait)
            Response.Headers.RetryAfter = Math.Ceiling(wait.TotalSeconds).ToString(CultureInfo.InvariantCulture);
        return Page();
    }
}
