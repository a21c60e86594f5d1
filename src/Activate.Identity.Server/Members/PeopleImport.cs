using Activate.Identity.Core.Accounts;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Errors;
using Activate.Identity.Core.Members;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Core.SshKeys;
using Activate.Identity.Data;
using Activate.Identity.Data.Members;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.SshKeys;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace Activate.Identity.Server.Members;

/// <summary>Somebody to be brought in.</summary>
/// <param name="Invitation">Who it is.</param>
/// <param name="AuthorizedKeys">The text of their authorized_keys file; null: none.</param>
public sealed record PersonDraft(InvitationDraft Invitation, string? AuthorizedKeys);

public enum ImportOutcome
{
    Invited,
    /// <summary>Is in the organization already, under the same name and address.</summary>
    Known,
    Refused,
}

/// <summary>What became of one person, or would become in a dry run.</summary>
public sealed record ImportedPerson(string? Username, ImportOutcome Outcome, Guid? Id, string? InvitationUrl, Problem? Problem, IReadOnlyList<ImportedKey> Keys)
{
    /// <summary>Holds the link: not to be printed.</summary>
    public override string ToString() => $"import of {Id}";
}

/// <summary>What became of one line of an authorized_keys file.</summary>
/// <param name="Problem">Null: the key was added.</param>
public sealed record ImportedKey(int Line, string? Fingerprint, Problem? Problem);

/// <summary>
/// Brings many people in, with the SSH keys they have on clusters already. Each person and each key is a transaction of its own: done or not, never half. A dry run makes the same
/// plan and stops there; what it cannot foresee is only what others do meanwhile. Keys are taken for people who have not taken up their invitation yet: later, an administrator who
/// adds a key to somebody's account could log in to clusters as them.
/// </summary>
public sealed class PeopleImport(
    ActivateDbContext database, InvitationIssuer invitations, SshKeyRegistry sshKeys, IOptions<SshKeysOptions> options)
{
    public const int MostPeople = 200;

    private const int LongestKeyName = 48;

    private static readonly Problem s_tooMany = Problems.Invalid("people", "too_many_people", $"At most {MostPeople} people at once. Send the rest in further requests.");

    private static readonly Problem s_nameTaken = new(ProblemKind.Conflict, "name_taken", "Somebody has that username already. Choose another.", "username");

    private static readonly Problem s_emailTaken = new(ProblemKind.Conflict, "email_taken", "Somebody in this organization has that e-mail address already.", "email");

    private static readonly Problem s_twice = Problems.Invalid("username", "person_repeated", "This username or e-mail address stands in the list before. The first one counts.");

    private static readonly Problem s_ownKeys = new(ProblemKind.Refused, "own_keys_only", "This person has taken up the account: from then on only they add keys to it.", "authorizedKeys");

    private static readonly Problem s_keyTwice = Problems.Invalid("authorizedKeys", "ssh_key_repeated", "This key stands in the file before.");

    public async Task<Result<IReadOnlyList<ImportedPerson>>> RunAsync(AuditActor actor, IReadOnlyList<PersonDraft> people, bool dryRun, CancellationToken cancellationToken)
    {
        if (people.Count > MostPeople)
            return s_tooMany;
        var role = await database.Users.Where(u => u.Id == actor.UserId).Select(u => u.Role).SingleOrDefaultAsync(cancellationToken);
        var report = new List<ImportedPerson>();
        foreach (var plan in await PlanAsync(actor.OrganizationId, role, people, cancellationToken))
            report.Add(dryRun ? plan.Foreseen() : await DoAsync(actor, plan, cancellationToken));
        return report;
    }

    private async Task<ImportedPerson> DoAsync(AuditActor actor, Plan plan, CancellationToken cancellationToken)
    {
        var (problem, id, url) = (plan.Problem, plan.Known, (string?)null);
        if (problem is null && id is null)
        {
            // Whatever a step before this one left in the context was rolled back with it.
            database.ChangeTracker.Clear();
            if ((await invitations.InviteAsync(actor, plan.Draft.Invitation, cancellationToken)).TryGet(out var invited, out problem))
                (id, url) = (invited.UserId, invited.Url);
        }

        if (problem is not null)
            return plan.Foreseen() with { Outcome = ImportOutcome.Refused, Problem = problem, Keys = [] };
        var keys = new List<ImportedKey>();
        foreach (var key in plan.Keys)
        {
            var refused = key.Problem;
            if (refused is null)
            {
                database.ChangeTracker.Clear();
                refused = (await sshKeys.AddAsync(actor, id!.Value, key.Name, key.PublicKey!.Text, default, cancellationToken)).Problem;
            }

            keys.Add(new ImportedKey(key.Line, key.PublicKey?.Fingerprint, refused));
        }

        return plan.Foreseen() with { Id = id, InvitationUrl = url, Keys = keys };
    }

    private async Task<List<Plan>> PlanAsync(Guid organizationId, Role role, IReadOnlyList<PersonDraft> people, CancellationToken cancellationToken)
    {
        // What cannot be a name or an address is not sent to the database.
        var names = people.Select(person => Username.Parse(person.Invitation.Username)).Where(name => name.Problem is null).Select(name => name.TryGet(out var text, out _) ? text : "").Distinct().ToList();
        var addresses = people.Select(person => EmailAddress.Parse(person.Invitation.Email).TryGet(out var email, out _) ? EmailAddress.Normalize(email) : "").Distinct().ToList();
        var hashes = names.Select(RetiredUsername.HashOf).ToList();
        var taken = await database.Users.AsNoTracking().Where(u => names.Contains(u.NormalizedUserName!) || (u.OrganizationId == organizationId && addresses.Contains(u.NormalizedEmail!)))
            .Select(u => new Holder(u.Id, u.NormalizedUserName!, u.OrganizationId == organizationId ? u.NormalizedEmail : null, u.OrganizationId == organizationId,
                database.Invitations.Any(i => i.UserId == u.Id), database.SshKeys.Where(key => key.OwnerId == u.Id).Select(key => key.NormalizedName).ToList()))
            .ToListAsync(cancellationToken);
        var retired = (await database.RetiredUsernames.Where(name => hashes.Contains(name.Hash)).Select(name => name.Hash).ToListAsync(cancellationToken)).Select(Convert.ToHexString).ToHashSet();
        var (seenNames, seenAddresses) = (new HashSet<string>(StringComparer.Ordinal), new HashSet<string>(StringComparer.Ordinal));
        return [.. people.Select(Decide)];

        Plan Decide(PersonDraft person)
        {
            var draft = person.Invitation;
            if (!Username.Parse(draft.Username).TryGet(out var name, out var problem) || !EmailAddress.Parse(draft.Email).TryGet(out var email, out problem)
                || !Roles.Parse(draft.Role ?? Role.Member.Word()).TryGet(out var wanted, out problem) || !DisplayName.Parse(draft.DisplayName).TryGet(out _, out problem))
                return new Plan(person, problem);
            var address = EmailAddress.Normalize(email);
            // Not '||' of the two calls: both are remembered.
            if (!seenNames.Add(name) | !seenAddresses.Add(address))
                return new Plan(person, s_twice);
            var holder = taken.Find(other => other.Username == name);
            if (holder is { IsOurs: true } && holder.Email == address)
                return new Plan(person, null) { Known = holder.Id, Keys = Keys(person.AuthorizedKeys, holder.IsInvited ? null : s_ownKeys, holder.KeyNames) };
            if (MemberRules.Invite(role, wanted) is { } refusal)
                return new Plan(person, refusal);
            if (holder is not null || retired.Contains(Convert.ToHexString(RetiredUsername.HashOf(name))))
                return new Plan(person, s_nameTaken);
            return taken.Exists(other => other.Email == address) ? new Plan(person, s_emailTaken) : new Plan(person, null) { Keys = Keys(person.AuthorizedKeys, null, []) };
        }
    }

    private List<PlannedKey> Keys(string? text, Problem? refusal, IEnumerable<string> taken)
    {
        var (keys, fingerprints, names) = (new List<PlannedKey>(), new HashSet<string>(StringComparer.Ordinal), taken.ToHashSet(StringComparer.Ordinal));
        foreach (var line in AuthorizedKeysFile.Parse(text ?? ""))
        {
            if (!line.Key.TryGet(out var key, out var problem))
                keys.Add(new PlannedKey(line.Line, "", null, problem));
            else if (refusal is not null || !fingerprints.Add(key.Fingerprint))
                keys.Add(new PlannedKey(line.Line, "", key, refusal ?? s_keyTwice));
            else if (names.Count >= options.Value.MaximumPerUser)
                keys.Add(new PlannedKey(line.Line, "", key, new Problem(ProblemKind.Conflict, "too_many_keys", $"{options.Value.MaximumPerUser} SSH keys are the most one user may have.", "authorizedKeys")));
            else
                keys.Add(new PlannedKey(line.Line, NameOf(key, line.Line, names), key, null));
        }

        return keys;
    }

    /// <summary>The comment of a key is what its owner calls it; where that is no name, or another key has it, the line tells them apart.</summary>
    private static string NameOf(SshPublicKey key, int line, HashSet<string> taken)
    {
        var comment = key.Comment.Length <= LongestKeyName && CredentialName.Parse(key.Comment).TryGet(out var name, out _) ? name : null;
        foreach (var candidate in (string[])[comment ?? $"imported, line {line}", $"{comment ?? "imported"} (line {line})"])
        {
            if (taken.Add(CredentialName.Normalize(candidate)))
                return candidate;
        }

        return $"imported {key.Fingerprint[7..27]}";
    }

    private sealed record Holder(Guid Id, string Username, string? Email, bool IsOurs, bool IsInvited, List<string> KeyNames);

    private sealed record PlannedKey(int Line, string Name, SshPublicKey? PublicKey, Problem? Problem);

    private sealed record Plan(PersonDraft Draft, Problem? Problem)
    {
        public Guid? Known { get; init; }

        public IReadOnlyList<PlannedKey> Keys { get; init; } = [];

        public ImportedPerson Foreseen() => new(
            Draft.Invitation.Username, Problem is not null ? ImportOutcome.Refused : Known is not null ? ImportOutcome.Known : ImportOutcome.Invited, Known, null, Problem,
            [.. Keys.Select(key => new ImportedKey(key.Line, key.PublicKey?.Fingerprint, key.Problem))]);
    }
}
