using System.Globalization;
using Activate.Identity.Core.Errors;
using Activate.Identity.Core.Members;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;

namespace Activate.Identity.Server.Members;

/// <summary>
/// A list of people that are all invited, with a report line by line. Sent again, by a reload for instance, it finds them there and makes no second link.
/// </summary>
[Authorize]
public sealed class ImportPage(PeopleImport import, TimeProvider clock) : PageModel
{
    private const string Example = "username,email,role,displayName\n";

    public Administration Access { get; private set; } = null!;

    /// <summary>The list as it was typed.</summary>
    public string Text { get; private set; } = Example;

    public IReadOnlyList<PersonLine> People { get; private set; } = [];

    /// <summary>One for each of <see cref="People"/>; null: nothing was sent yet, or it could not be read.</summary>
    public IReadOnlyList<ImportedPerson>? Report { get; private set; }

    /// <summary>The report says what would be done; nothing was.</summary>
    public bool Checked { get; private set; }

    public string Summary => string.Create(CultureInfo.InvariantCulture,
        $"{Count(ImportOutcome.Invited)} {(Checked ? "would be invited" : "invited")}, {Count(ImportOutcome.Known)} here already, {Count(ImportOutcome.Refused)} refused.{(Checked ? " Nothing is changed yet." : "")}");

    public void OnGet() => Read();

    public Task OnPostCheckAsync(CancellationToken cancellationToken) => RunAsync(dryRun: true, cancellationToken);

    public Task OnPostInviteAsync(CancellationToken cancellationToken) => RunAsync(dryRun: false, cancellationToken);

    public static string Words(ImportedPerson person, bool foreseen) => person.Outcome switch
    {
        ImportOutcome.Invited => foreseen ? "would be invited" : "invited",
        ImportOutcome.Known => "is here already",
        ImportOutcome.Refused => $"refused: {person.Problem!.Detail}",
    };

    private int Count(ImportOutcome outcome) => Report!.Count(person => person.Outcome == outcome);

    private async Task RunAsync(bool dryRun, CancellationToken cancellationToken)
    {
        Read();
        if (!Access.IsAdmin)
            return;
        // A browser sends a text's ends of lines as CR LF, which the file's reader knows.
        Text = (await Request.ReadFormAsync(cancellationToken))["people"].ToString();
        var problem = Access.Refusal;
        if (problem is null && PeopleFile.Parse(Text).TryGet(out var people, out problem)
            && (await import.RunAsync(Access.Person.ToActor(), [.. people.Select(Draft)], dryRun, cancellationToken)).TryGet(out var report, out problem))
        {
            (People, Report, Checked) = (people, report, dryRun);
        }

        if (problem is not null)
            this.Show(problem);
    }

    private static PersonDraft Draft(PersonLine person) => new(new InvitationDraft(person.Username, person.Email, person.Role, person.DisplayName), null);

    private void Read()
    {
        Access = Administration.Of(HttpContext, clock);
        if (!Access.IsAdmin)
            this.Show(MemberRules.AdminRequired);
    }
}
