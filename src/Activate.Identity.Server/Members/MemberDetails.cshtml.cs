using Activate.Identity.Core.Errors;
using Activate.Identity.Core.Members;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;

namespace Activate.Identity.Server.Members;

/// <summary>One person, for administrators: role, disabling, a new link, ending all that they have. With <c>?ask=</c> the dialog before what hurts.</summary>
[Authorize]
public sealed class MemberDetailsPage(MemberRegistry members, InvitationIssuer invitations, OneTimeForms forms, AuditTrail audit, TimeProvider clock) : PageModel
{
    private static readonly string[] s_told = [AuditTypes.MemberRoleChanged, AuditTypes.MemberDisabled, AuditTypes.MemberEnabled, AuditTypes.MemberCredentialsRevoked, AuditTypes.MemberSecondFactorReset];

    public Administration Access { get; private set; } = null!;

    public Member Member { get; private set; } = null!;

    /// <summary>The value of the hidden field <c>Form</c>, of the form that makes a link.</summary>
    public string FormId { get; private set; } = "";

    public Invited? Invited { get; private set; }

    public DeleteDialog? Question { get; private set; }

    /// <summary>What was done just now.</summary>
    public string? Done { get; private set; }

    public bool IsOneself => Member.Id == Access.Person.UserId;

    public bool MayChange => Access.Refusal is null && MemberRules.Change(Standing, new MemberStanding(Member.Id, Member.Role, Member.IsOperator)) is null;

    public bool MayGiveRoles => Access.Refusal is null && MemberRules.GiveRole(Standing) is null;

    private MemberStanding Standing => new(Access.Person.UserId, Access.Person.Role, Access.Person.IsOperator);

    private string Path => $"{MembersPage.Path}/{Member.Id}";

    public async Task<IActionResult> OnGetAsync(Guid id, string? ask, bool done, CancellationToken cancellationToken)
    {
        if (!await ReadAsync(id, cancellationToken))
            return NotFound();
        if (done && await audit.JustDoneAsync(Access.Person.ToActor(), id, s_told, cancellationToken) is { } what)
        {
            Done = what.Type switch
            {
                AuditTypes.MemberDisabled => "The account is disabled: nothing of it works, anywhere, within a second.",
                AuditTypes.MemberEnabled => "The account is enabled: what time has not ended meanwhile works again.",
                AuditTypes.MemberCredentialsRevoked => $"Ended: {what.Detail}.",
                AuditTypes.MemberSecondFactorReset => $"Reset: {what.Detail}. The password stays; they set up another second factor after it.",
                _ => "The role was changed.",
            };
        }

        if (MayChange)
        {
            Question = ask switch
            {
                "disable" when !Member.Disabled && !IsOneself => new DeleteDialog(id, "account", Member.Username,
                    "Nobody can sign in with it, and its keys, tokens, sessions and SSH keys do not work until it is enabled again. Browsers are signed out.", null, null, Path, "Disable", "Disable Account") { Verb = "Disable" },
                "revoke" => new DeleteDialog(id, "credentials of", Member.Username,
                    "All API keys, tokens, sessions, SSH keys, connected applications and browser sessions end at once. It cannot be undone: jobs that use them fail until they get new ones.",
                    null, null, Path, "Revoke", "End Credentials") { Verb = "End" },
                "reset" when !IsOneself => new DeleteDialog(id, "second factor of", Member.Username,
                    "Authenticator app, passkeys and recovery codes are deleted, and browsers signed out. Make sure that it is this person who asks: from then on the password alone signs in, until they set up another.",
                    null, null, Path, "Reset", "Reset Second Factor") { Verb = "Reset" },
                _ => null,
            };
        }

        return Page();
    }

    public Task<IActionResult> OnPostDisableAsync(Guid id, CancellationToken cancellationToken) => ChangeAsync(id, actor => members.ChangeAsync(actor, id, null, true, cancellationToken), cancellationToken);

    public Task<IActionResult> OnPostEnableAsync(Guid id, CancellationToken cancellationToken) => ChangeAsync(id, actor => members.ChangeAsync(actor, id, null, false, cancellationToken), cancellationToken);

    public Task<IActionResult> OnPostRevokeAsync(Guid id, CancellationToken cancellationToken) => ChangeAsync(id, actor => members.RevokeAsync(actor, id, cancellationToken), cancellationToken);

    public Task<IActionResult> OnPostResetAsync(Guid id, CancellationToken cancellationToken) => ChangeAsync(id, actor => members.ResetSecondFactorAsync(actor, id, cancellationToken), cancellationToken);

    public Task<IActionResult> OnPostRoleAsync(Guid id, string? role, CancellationToken cancellationToken) => ChangeAsync<Member>(id,
        async actor => Roles.Parse(role).TryGet(out var wanted, out var problem) ? await members.ChangeAsync(actor, id, wanted, null, cancellationToken) : problem, cancellationToken);

    public async Task<IActionResult> OnPostRenewAsync(Guid id, CancellationToken cancellationToken)
    {
        if (!await ReadAsync(id, cancellationToken))
            return NotFound();
        var fields = await Request.ReadFormAsync(cancellationToken);
        Problem? problem;
        if (Access.Refusal is { } refusal)
            problem = refusal;
        else if (forms.Read(fields["Form"], Access.Person.UserId) is not { } form)
            problem = OneTimeForms.OutOfDate;
        else if ((await invitations.RenewAsync(Access.Person.ToActor(), id, cancellationToken, form)).TryGet(out var invited, out problem))
            Invited = invited;
        if (problem is not null)
            this.Show(problem, "");
        return Page();
    }

    private async Task<IActionResult> ChangeAsync<T>(Guid id, Func<AuditActor, Task<Result<T>>> change, CancellationToken cancellationToken) where T : notnull
    {
        if (!await ReadAsync(id, cancellationToken))
            return NotFound();
        if ((Access.Refusal ?? (await change(Access.Person.ToActor())).Problem) is not { } problem)
            return IsOneself && SignedOutBy() ? this.SeeOther("/sign-in") : this.SeeOther($"{Path}?done=true");
        this.Show(problem, "");
        return Page();

        // Whoever ends their own credentials has ended the session of this very page.
        bool SignedOutBy() => typeof(T) == typeof(EndedCredentials);
    }

    private async Task<bool> ReadAsync(Guid id, CancellationToken cancellationToken)
    {
        Access = Administration.Of(HttpContext, clock);
        // For those who are no administrators there is no such page.
        if (!Access.IsAdmin || await members.FindAsync(Access.Person.OrganizationId, id, withEmail: true, cancellationToken) is not { } member)
            return false;
        Member = member;
        FormId = forms.Issue(Access.Person.UserId);
        return true;
    }
}
