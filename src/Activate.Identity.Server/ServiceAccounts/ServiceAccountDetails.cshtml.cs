using Activate.Identity.Core.Errors;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Data;
using Activate.Identity.Data.ApiKeys;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Leaks;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;

namespace Activate.Identity.Server.ServiceAccounts;

/// <summary>One service account with its keys, for its keepers and for administrators. With <c>?delete=ID</c> the dialog before a key is deleted, with <c>?ask=</c> the one before the account is disabled.</summary>
[Authorize]
public sealed class ServiceAccountDetailsPage(
    ActivateDbContext database, ServiceAccountRegistry accounts, ServiceAccountKeys keys, AuditTrail audit, TimeProvider clock) : PageModel
{
    private const int MostShown = 200;

    private static readonly string[] s_told =
    [
        AuditTypes.ServiceAccountCreated, AuditTypes.ServiceAccountChanged, AuditTypes.ServiceAccountRoleChanged, AuditTypes.ServiceAccountDisabled, AuditTypes.ServiceAccountEnabled,
    ];

    public Administration Access { get; private set; } = null!;

    public KeptAccount Account { get; private set; } = null!;

    /// <summary>False: keeps it, and is no administrator.</summary>
    public bool AsAdministrator { get; private set; }

    public IReadOnlyList<ApiKey> Keys { get; private set; } = [];

    public IReadOnlyList<LeakNotice> Leaks { get; private set; } = [];

    [BindProperty, FromForm]
    public string? Description { get; set; }

    [BindProperty, FromForm]
    public string? Role { get; set; }

    [BindProperty, FromForm]
    public string? Keepers { get; set; }

    public DeleteDialog? Question { get; private set; }

    public Deleted? Deleted { get; private set; }

    /// <summary>What was done just now.</summary>
    public string? Done { get; private set; }

    public string Path => $"{ServiceAccountsPage.Path}/{Account.Id}";

    public async Task<IActionResult> OnGetAsync(Guid account, string? ask, bool done, Guid? delete, Guid? deleted, CancellationToken cancellationToken)
    {
        if (!await ReadAsync(account, cancellationToken))
            return NotFound();
        var me = Access.Person.ToActor();
        if (done && await audit.JustDoneAsync(me, account, s_told, cancellationToken) is { } what)
        {
            Done = what.Type switch
            {
                AuditTypes.ServiceAccountCreated => "The account is there. Add the first key below.",
                AuditTypes.ServiceAccountDisabled => "The account is disabled: none of its keys works, anywhere, within a second.",
                AuditTypes.ServiceAccountEnabled => "The account is enabled: what time has not ended meanwhile works again.",
                _ => "The account was changed.",
            };
        }

        if (deleted is { } gone && await audit.JustDoneAsync(me, gone, [AuditTypes.ApiKeyDeleted], cancellationToken) is { Words.Text: var name })
            Deleted = new Deleted("API key", name, "It works nowhere any more.");
        if (ask == "disable" && AsAdministrator && !Account.Disabled && Account.ClusterId is null)
        {
            Question = new DeleteDialog(account, "account", Account.Username, "None of its keys works, anywhere, until it is enabled again.", new Moment(Account.LastUsedAt, Access.Now), null, Path, "Disable",
                "Disable Account") { Verb = "Disable" };
        }
        else if (delete is { } id && Account.ClusterId is null)
        {
            if (Keys.FirstOrDefault(key => key.Id == id) is not { } key)
                return Redirect(Path);
            Question = new DeleteDialog(id, "API key", key.Name, $"Every program that uses the key ending in “{key.Last4}” is refused from that moment on. It cannot be undone.",
                new Moment(key.LastUsedAt, Access.Now), key.LastUsedFrom, Path, "DeleteKey", "Delete API Key");
        }

        return Page();
    }

    public async Task<IActionResult> OnPostSaveAsync(Guid account, CancellationToken cancellationToken)
    {
        var (description, role, keepers) = (Description, Role, Keepers);
        var answer = await ChangeAsync(account, () => AsAdministrator
            ? new ServiceAccountChange(description ?? "", role, AccountFields.ParseKeepers(keepers))
            : new ServiceAccountChange(description ?? ""), cancellationToken);
        // Refused: what was typed is shown again.
        (Description, Role, Keepers) = (description, role, keepers);
        return answer;
    }

    public Task<IActionResult> OnPostDisableAsync(Guid account, CancellationToken cancellationToken) => ChangeAsync(account, () => new ServiceAccountChange(Disabled: true), cancellationToken);

    public Task<IActionResult> OnPostEnableAsync(Guid account, CancellationToken cancellationToken) => ChangeAsync(account, () => new ServiceAccountChange(Disabled: false), cancellationToken);

    public async Task<IActionResult> OnPostDeleteKeyAsync(Guid account, Guid id, CancellationToken cancellationToken)
    {
        if (!await ReadAsync(account, cancellationToken))
            return NotFound();
        // Deleting what is gone already is done, too.
        if ((Access.Refusal ?? await keys.DeleteAsync(Access.Person.ToActor(), account, id, true, cancellationToken)) is not { } problem || problem == Problems.NotFound)
            return this.SeeOther($"{Path}?deleted={id}");
        this.Show(problem, "");
        return Page();
    }

    private async Task<IActionResult> ChangeAsync(Guid account, Func<ServiceAccountChange> change, CancellationToken cancellationToken)
    {
        if (!await ReadAsync(account, cancellationToken))
            return NotFound();
        if ((Access.Refusal ?? (await accounts.ChangeAsync(Access.Person.ToActor(), account, change(), true, cancellationToken)).Problem) is not { } problem)
            return this.SeeOther($"{Path}?done=true");
        this.Show(problem);
        return Page();
    }

    private async Task<bool> ReadAsync(Guid account, CancellationToken cancellationToken)
    {
        Access = Administration.Of(HttpContext, clock);
        if (!(await accounts.OpenAsync(Access.Person.ToActor(), account, true, cancellationToken)).TryGet(out var opened, out _))
            return false;
        (Account, AsAdministrator) = (opened.Account, opened.AsAdministrator);
        (Description, Role, Keepers) = (Account.Description, Account.Role.Word(), string.Join(' ', Account.Keepers.Select(keeper => keeper.Username)));
        Keys = [.. (await keys.ListAsync(Access.Person.ToActor(), account, new PageQuery(MostShown, null), cancellationToken)).Take(MostShown)];
        Leaks = await LeakedCredentials.NoticesAsync(database, account, Access.Now, cancellationToken);
        return true;
    }
}
