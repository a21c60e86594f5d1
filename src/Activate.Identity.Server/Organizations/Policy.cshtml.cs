using System.Globalization;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Errors;
using Activate.Identity.Core.Expiration;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Accounts;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;

namespace Activate.Identity.Server.Organizations;

/// <summary>
/// The policy of an organization: members look, administrators who signed in a short while ago change it. Preview and Apply send the same form, with the version
/// of the policy that the administrator saw.
/// </summary>
[Authorize]
public sealed class PolicyPage(PolicyEditor editor, PolicyCeiling ceiling, AuditTrail audit, AuditLog log, TimeProvider clock) : PageModel
{
    private const string Path = "/organization/policy";

    /// <summary>How many credentials a preview shows.</summary>
    public const int Shown = 100;

    /// <summary>How many of the latest changes it shows; the audit log has all.</summary>
    private const int Changes = 20;

    private Dictionary<PolicyMember, string> _texts = [];

    // What the organization wrote down, and where it wrote nothing, what it inherits.
    private Policy _whole = Policy.Fresh;

    public SignedIn Person { get; private set; } = null!;

    public PolicyState State { get; private set; } = null!;

    /// <summary>The version that the form is about.</summary>
    public int Version { get; private set; }

    public ExistingCredentials Existing { get; private set; } = ExistingCredentials.Keep;

    public PolicyPreview? Preview { get; private set; }

    public PolicyPicture? Picture { get; private set; }

    /// <summary>The latest changes, for administrators.</summary>
    public IReadOnlyList<AuditEntry> History { get; private set; } = [];

    public bool Applied { get; private set; }

    public bool Shortened { get; private set; }

    /// <summary>Somebody changed the policy after the form was made: what was typed stays beside the numbers of now, but only a form that has seen those can be applied.</summary>
    public bool Stale { get; private set; }

    public DateTime Now { get; } = clock.Now();

    public bool IsAdmin => Person.Role >= Role.Admin;

    public bool MayChange => IsAdmin && !Person.LockedOut && Person.AuthenticatedAt > Now - ScopeRequest.RecentSignIn;

    public string SignInAgain => SignInPage.PathTo(Path, reauthenticate: true);

    public async Task OnGetAsync(string? done, CancellationToken cancellationToken)
    {
        await ReadAsync(cancellationToken);
        if (done is null || await audit.JustDoneAsync(Person.ToActor(), Person.OrganizationId, [AuditTypes.PolicyChanged], cancellationToken) is not { } change)
            return;
        Applied = true;
        Shortened = change.Detail?.Contains("; existing credentials shortened", StringComparison.Ordinal) == true;
    }

    public async Task<IActionResult> OnPostPreviewAsync(int version, string? mode, string? graceDays, CancellationToken cancellationToken)
    {
        await ReadAsync(cancellationToken);
        if (await ParseAsync(version, mode, graceDays) is not { } policy)
            return Page();
        if ((await editor.PreviewAsync(Person.OrganizationId, version, policy, Existing, Shown, null, cancellationToken)).TryGet(out var preview, out var problem))
        {
            Preview = preview;
            var (before, after) = await editor.PictureAsync(Person.OrganizationId, policy, Existing, cancellationToken);
            Picture = new PolicyPicture(Now, before, after);
        }
        else
        {
            await RefuseAsync(problem, cancellationToken);
        }

        return Page();
    }

    public async Task<IActionResult> OnPostApplyAsync(int version, string? mode, string? graceDays, CancellationToken cancellationToken)
    {
        await ReadAsync(cancellationToken);
        if (await ParseAsync(version, mode, graceDays) is not { } policy)
            return Page();
        if ((await editor.SetAsync(Person.ToActor(), version, policy, Existing, cancellationToken)).TryGet(out _, out var problem))
            return this.SeeOther($"{Path}?done=changed");
        await RefuseAsync(problem, cancellationToken);
        return Page();
    }

    /// <summary>A member as the form shows it.</summary>
    public PolicyEntry Entry(PolicyMember member)
    {
        var isDefault = member.Name.StartsWith("default", StringComparison.Ordinal);
        var (text, hint) = (_texts[member], isDefault ? "Empty: no expiration." : member.Kind == PolicyMemberKind.Limit ? "Empty: no limit." : "");
        if (member.Path == "tokens.defaultHours")
            hint = "Empty: the maximum.";
        if (member.Path == "unused.endAfterDays")
            hint = "Empty: never. At least 7. Keys of clusters do not end by this, and SSH keys only while every cluster that asks for keys tells who got in.";
        if (member.Path == "clusters.outageMinutes")
            hint = "How old the copy of all who may log in may be that a cluster uses while this server cannot be reached. 0: no copy. Empty: a day.";
        if (member.Path == "tokens.maximumHours")
            hint = "Empty: 24, which no policy goes beyond.";
        if (ceiling.Document.TryGet(member, out var limit))
            hint = $"{hint} The server’s limit: {Text(member, limit)}.".Trim();
        // Where the server is stricter, or the members limit each other. Of what was typed and not applied nothing can be said yet.
        var counts = member.Get(State.Effective);
        if (counts != member.Get(_whole) && text == Text(member, member.Get(_whole)))
            hint = $"{hint} What counts: {Words(member, counts, isDefault)}.".Trim();
        if (Stale && text != Text(member, member.Get(_whole)))
            hint = $"{hint} Now: {Words(member, member.Get(_whole), isDefault)}.".Trim();
        return new PolicyEntry(member, Label(member), text, hint, isDefault ? "no expiration" : "no limit");
    }

    public static string Title(string group) => group switch
    {
        "apiKeys" => "API keys",
        "tokens" => "Tokens and device logins",
        "sshKeys" => "SSH keys",
        "deviceLogin" => "Device login",
        "requireTwoFactor" => "Second factor",
        "webSessions" => "Signed-in browsers",
        "applications" => "Applications",
        "unused" => "Keys that nobody uses",
        "clusters" => "Clusters",
        _ => throw new InvalidOperationException($"No title for {group}."),
    };

    public static string Kind(CredentialKind kind) => kind switch
    {
        CredentialKind.ApiKey => "API key",
        CredentialKind.Token => "token",
        CredentialKind.Session => "device login",
        CredentialKind.SshKey => "SSH key",
    };

    public static string WordLabel(string word) => word switch
    {
        "all" => "All",
        "registered" => "Only the organization’s own and the server’s",
        "none" => "None",
        _ => throw new InvalidOperationException($"No word {word}."),
    };

    /// <summary>"3 API keys and 1 token".</summary>
    public static string Sum(PolicyPreview preview) => string.Join(", ", preview.Counts.Where(count => count.Value > 0)
        .Select(count => string.Create(CultureInfo.InvariantCulture, $"{count.Value} {Kind(count.Key)}{(count.Value == 1 ? "" : "s")}")));

    private static string Label(PolicyMember member) => member.Name switch
    {
        "userChoice" => "Users choose an expiration",
        "maximumDays" => "Longest life in days",
        "maximumHours" when member.Group == "webSessions" => "Signed in at most, in hours",
        "maximumHours" => "Longest life in hours",
        "defaultDays" => "Default in days",
        "defaultHours" => "Default in hours",
        "enabled" => "Devices may log in with a code",
        "requireTwoFactor" => "Everybody needs a second factor",
        "idleMinutes" => "Signed out after so many idle minutes",
        "allowed" => "Applications people may sign in to",
        "refreshMaximumDays" => "Stay signed in to applications, in days",
        "outageMinutes" => "Minutes that clusters may use their copy while the server is away",
        "endAfterDays" => "API keys and SSH keys end after days without use",
        _ => throw new InvalidOperationException($"No label for {member}."),
    };

    private async Task ReadAsync(CancellationToken cancellationToken)
    {
        Person = SignedIn.Required(HttpContext);
        await ReadStateAsync(cancellationToken);
        Version = State.Version;
        if (IsAdmin)
            History = await log.ReadAsync(Person.OrganizationId, AuditQuery.Of(AuditTypes.PolicyChanged), null, Changes, cancellationToken);
        _texts = PolicyMember.All.ToDictionary(member => member, member => Text(member, member.Get(_whole)));
    }

    private async Task ReadStateAsync(CancellationToken cancellationToken)
    {
        State = await editor.ReadAsync(Person.OrganizationId, cancellationToken);
        _whole = State.Own.Over(ceiling.Inherited, RuleOwner.Organization);
    }

    /// <summary>The form's policy; null when it cannot be taken, which then stands on the page.</summary>
    private async Task<PolicyDocument?> ParseAsync(int version, string? mode, string? graceDays)
    {
        if (!MayChange)
        {
            this.Show(Person.LockedOut ? SignedIn.AccountLocked
                : IsAdmin ? new Problem(ProblemKind.Refused, "recent_sign_in_required", "The policy is changed only within 10 minutes after signing in. Sign in again; nothing was changed.")
                : new Problem(ProblemKind.Refused, "insufficient_role", "Only administrators of your organization change its policy."));
            return null;
        }

        var form = await Request.ReadFormAsync();
        Version = version;
        var grace = 0;
        if (!string.IsNullOrEmpty(graceDays) && !int.TryParse(graceDays, NumberStyles.None, CultureInfo.InvariantCulture, out grace))
            grace = -1;
        if (ExistingCredentials.Parse(mode, grace).TryGet(out var existing, out var problem))
            Existing = existing;
        else
            this.Show(problem, "");

        var members = new Dictionary<PolicyMember, int?>();
        var inherited = ceiling.Inherited;
        foreach (var member in PolicyMember.All)
        {
            // A checked box comes after the hidden "false".
            var text = form[member.Path].LastOrDefault() ?? "";
            _texts[member] = text.AtMost(20);
            if (!TryParse(member, text, out var value))
                ModelState.AddModelError(member.Path, $"Type {(member.Kind == PolicyMemberKind.Limit ? $"a whole number from {member.Smallest} to {member.Largest}, or nothing" : member.Range)}.");
            // What was inherited and was not touched stays inherited.
            else if (State.Own.TryGet(member, out _) || value != member.Get(inherited))
                members[member] = value;
        }

        if (ModelState.IsValid)
            return PolicyDocument.From(members);
        Response.StatusCode = StatusCodes.Status400BadRequest;
        return null;
    }

    private async Task RefuseAsync(Problem problem, CancellationToken cancellationToken)
    {
        if (problem.Kind == ProblemKind.Stale)
        {
            // The version stays as old as the form is: sent again, it would undo the other's change unseen.
            Stale = true;
            await ReadStateAsync(cancellationToken);
        }

        var member = problem.Field?.StartsWith("policy.", StringComparison.Ordinal) == true ? problem.Field["policy.".Length..] : "";
        this.Show(problem, member);
    }

    private static bool TryParse(PolicyMember member, string text, out int? value)
    {
        value = null;
        switch (member.Kind)
        {
            case PolicyMemberKind.Flag:
                value = text == "true" ? 1 : 0;
                return text is "true" or "false";
            case PolicyMemberKind.Applications:
                value = PolicyMember.Words.ToList().IndexOf(text) + 1;
                return value > 0;
            case PolicyMemberKind.Limit:
                if (text.Length == 0)
                    return true;
                if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) || !member.Allows(number))
                    return false;
                value = number;
                return true;
            default:
                throw new InvalidOperationException($"No kind {member.Kind}.");
        }
    }

    private static string Words(PolicyMember member, int? value, bool isDefault) => member.Kind switch
    {
        PolicyMemberKind.Limit => value?.ToString(CultureInfo.InvariantCulture) ?? (isDefault ? "no expiration" : "no limit"),
        PolicyMemberKind.Flag => value == 1 ? "yes" : "no",
        PolicyMemberKind.Applications => WordLabel(PolicyMember.Words[value!.Value - 1]),
    };

    private static string Text(PolicyMember member, int? value) => member.Kind switch
    {
        PolicyMemberKind.Limit => value?.ToString(CultureInfo.InvariantCulture) ?? "",
        PolicyMemberKind.Flag => value == 1 ? "true" : "false",
        PolicyMemberKind.Applications => PolicyMember.Words[value!.Value - 1],
    };
}

/// <summary>A member of the policy in the form (Organizations/PolicyMember.cshtml).</summary>
/// <param name="Member">Which.</param>
/// <param name="Label">For people.</param>
/// <param name="Text">What the control holds.</param>
/// <param name="Hint">What it means to leave it empty, and the server's limit.</param>
/// <param name="Empty">What an empty control stands for.</param>
public sealed record PolicyEntry(PolicyMember Member, string Label, string Text, string Hint, string Empty);
