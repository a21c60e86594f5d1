using System.Globalization;
using Activate.Identity.Core.Applications;
using Activate.Identity.Core.Errors;
using Activate.Identity.Data;
using Activate.Identity.Data.Applications;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Accounts;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Connect;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Applications;

/// <summary>One application: change it, suspend it, give it a new secret.</summary>
[Authorize]
public sealed class ApplicationDetailsPage(ActivateDbContext database, ApplicationRegistry registry, OneTimeForms forms, AuditTrail audit, TimeProvider clock) : PageModel
{
    public ApplicationAccess Access { get; private set; } = null!;

    public Application Application { get; private set; } = null!;

    public ApplicationSettings Settings { get; private set; } = null!;

    public ApplicationForm Form { get; private set; } = new();

    /// <summary>The value of the hidden field <c>Form</c>, of the form that makes a secret.</summary>
    public string FormId { get; private set; } = "";

    public RegisteredApplication? Registered { get; private set; }

    /// <summary>What was done just now.</summary>
    public string? Done { get; private set; }

    public bool IsBuiltIn => Application.ClientId == BuiltInApplications.Cli;

    public bool HasSecret => Settings.Kind.IsConfidential() && Settings.KeySet is null;

    public string SignInAgain => SignInPage.PathTo(Request.Path, reauthenticate: true);

    private string Path => $"{ApplicationsPage.Path}/{Application.Id}";

    public async Task<IActionResult> OnGetAsync(Guid id, bool done, CancellationToken cancellationToken)
    {
        if (!await ReadAsync(id, cancellationToken))
            return NotFound();
        if (done && await audit.JustDoneAsync(Access.Person.ToActor(), id, [AuditTypes.ApplicationChanged, AuditTypes.ApplicationSuspended, AuditTypes.ApplicationResumed], cancellationToken) is { } what)
        {
            Done = what.Type switch
            {
                AuditTypes.ApplicationSuspended => "The application is suspended: it gets nothing, and what it got does not work.",
                AuditTypes.ApplicationResumed => "The application works again, and so does what it got before and has not ended.",
                _ => "The application was changed.",
            };
        }

        return Page();
    }

    public async Task<IActionResult> OnPostSaveAsync(Guid id, CancellationToken cancellationToken)
    {
        if (!await ReadAsync(id, cancellationToken))
            return NotFound();
        Form = ApplicationForm.Sent(await Request.ReadFormAsync(cancellationToken)) with { Type = Settings.Kind.Word() };
        return await ChangeAsync(_ => Form.ToDraft(isEmptyUsual: false), null, cancellationToken);
    }

    public async Task<IActionResult> OnPostSuspendAsync(Guid id, CancellationToken cancellationToken) =>
        await ReadAsync(id, cancellationToken) ? await ChangeAsync(same => same, true, cancellationToken) : NotFound();

    public async Task<IActionResult> OnPostResumeAsync(Guid id, CancellationToken cancellationToken) =>
        await ReadAsync(id, cancellationToken) ? await ChangeAsync(same => same, false, cancellationToken) : NotFound();

    public async Task<IActionResult> OnPostRotateAsync(Guid id, string? overlapHours, CancellationToken cancellationToken)
    {
        if (!await ReadAsync(id, cancellationToken))
            return NotFound();
        var fields = await Request.ReadFormAsync(cancellationToken);
        Problem? problem;
        if (Access.Refusal is { } refusal)
            problem = refusal;
        else if (forms.Read(fields["Form"], Access.Person.UserId) is not { } form)
            problem = OneTimeForms.OutOfDate;
        else if ((await registry.RotateSecretAsync(Access.Person.ToActor(), Application.OrganizationId, id,
            int.TryParse(overlapHours, NumberStyles.None, CultureInfo.InvariantCulture, out var hours) ? hours : -1, cancellationToken, form)).TryGet(out var registered, out problem))
            Registered = registered;
        if (problem is not null)
            this.Show(problem, "");
        return Page();
    }

    private async Task<IActionResult> ChangeAsync(Func<ApplicationDraft, ApplicationDraft> change, bool? suspended, CancellationToken cancellationToken)
    {
        if (Access.Refusal is { } refusal)
        {
            this.Show(refusal);
            return Page();
        }

        if ((await registry.ChangeAsync(Access.Person.ToActor(), Application.OrganizationId, Application.Id, change, suspended, cancellationToken)).TryGet(out _, out var problem))
            return this.SeeOther($"{Path}?done=true");
        Form = Form.After(problem);
        this.Show(problem);
        return Page();
    }

    private async Task<bool> ReadAsync(Guid id, CancellationToken cancellationToken)
    {
        Access = ApplicationAccess.Of(HttpContext, clock);
        if (await Access.Among(database.Applications.AsNoTracking()).SingleOrDefaultAsync(application => application.Id == id, cancellationToken) is not { } application)
            return false;
        Application = application;
        Settings = ApplicationColumns.Read(application);
        Form = ApplicationForm.Of(Settings);
        FormId = forms.Issue(Access.Person.UserId);
        return true;
    }
}
