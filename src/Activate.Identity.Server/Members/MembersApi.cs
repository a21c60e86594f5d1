using System.Text.Json.Serialization;
using Activate.Identity.Core;
using Activate.Identity.Core.Errors;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Web;

namespace Activate.Identity.Server.Members;

/// <summary>REST of an organization's people: <c>/api/v1/organization/members</c>. E-mail addresses are for administrators; everybody else sees names and roles.</summary>
internal static class MembersApi
{
    private const string Path = "/api/v1/organization/members";

    public static void MapMembersApi(this IEndpointRouteBuilder endpoints)
    {
        var group = endpoints.MapGroup(Path).WithTags("Members");
        group.MapGet("", List).RequireScope(Scopes.OrganizationRead).Produces<PageOf<MemberBody>>().WithSummary("The organization's people, newest first; ?search= a part of a name");
        group.MapPost("", Invite).RequireInteractive(Scopes.OrganizationWrite).Produces<MemberBody>(201).WithSummary("Invite somebody; the answer holds the link to hand over, once");
        group.MapPost("/import", Import).RequireInteractive(Scopes.OrganizationWrite).Produces<ImportBody>().WithSummary("Invite many, with their SSH keys; a report for each. With dryRun it changes nothing");
        group.MapGet("/{id:guid}", Get).RequireScope(Scopes.OrganizationRead).Produces<MemberBody>().WithSummary("One of the organization's people");
        group.MapPatch("/{id:guid}", Change).RequireInteractive(Scopes.OrganizationWrite).Produces<MemberBody>().WithSummary("Give another role, disable or enable");
        // Whoever leaves needs no right over others.
        group.MapDelete("/{id:guid}", Remove).RequireInteractive(Scopes.CredentialsWrite).Produces(204).WithSummary("Remove somebody, cancel an invitation, or leave");
        group.MapPost("/{id:guid}/invitation", Renew).RequireInteractive(Scopes.OrganizationWrite).Produces<MemberBody>().WithSummary("A new link in place of the old one, once");
        group.MapPost("/{id:guid}/revoke-credentials", Revoke).RequireInteractive(Scopes.OrganizationWrite).Produces<EndedCredentials>()
            .WithSummary("End every key, token, session, SSH key, consent and browser session of somebody");
        group.MapPost("/{id:guid}/reset-second-factor", ResetSecondFactor).RequireInteractive(Scopes.OrganizationWrite).Produces<ResetFactors>()
            .WithSummary("Take the authenticator app, passkeys and recovery codes from somebody who has lost them; their browsers are signed out");
    }

    private static async Task<IResult> List(Caller caller, MemberRegistry members, string? search, string? limit, string? after, CancellationToken cancellationToken)
    {
        if (!PageQuery.Parse(limit, after).TryGet(out var page, out var problem))
            return problem.ToResult();
        var rows = await members.ListAsync(caller.OrganizationId, search, SeesAddresses(caller), page, cancellationToken);
        return Results.Ok(page.Page(rows, member => member.Id, MemberBody.From));
    }

    private static async Task<IResult> Get(Guid id, Caller caller, MemberRegistry members, CancellationToken cancellationToken) =>
        await members.FindAsync(caller.OrganizationId, id, SeesAddresses(caller) || id == caller.UserId, cancellationToken) is { } member
            ? Results.Ok(MemberBody.From(member))
            : Problems.NotFound.ToResult();

    private static async Task<IResult> Invite(InviteBody body, Caller caller, InvitationIssuer invitations, MemberRegistry members, CancellationToken cancellationToken) =>
        (await invitations.InviteAsync(caller.ToActor(), new InvitationDraft(body.Username, body.Email, body.Role, body.DisplayName), cancellationToken)).TryGet(out var invited, out var problem)
            ? Results.Created($"{Path}/{invited.UserId}", await BodyAsync(invited, caller, members, cancellationToken))
            : problem.ToResult();

    private static async Task<IResult> Renew(Guid id, Caller caller, InvitationIssuer invitations, MemberRegistry members, CancellationToken cancellationToken) =>
        (await invitations.RenewAsync(caller.ToActor(), id, cancellationToken)).TryGet(out var invited, out var problem)
            ? Results.Ok(await BodyAsync(invited, caller, members, cancellationToken))
            : problem.ToResult();

    private static async Task<IResult> Change(Guid id, ChangeMemberBody body, Caller caller, MemberRegistry members, CancellationToken cancellationToken)
    {
        Role? role = null;
        if (body.Role is not null)
        {
            if (!Roles.Parse(body.Role).TryGet(out var wanted, out var unknown))
                return unknown.ToResult();
            role = wanted;
        }

        return (await members.ChangeAsync(caller.ToActor(), id, role, body.Disabled, cancellationToken)).TryGet(out var member, out var problem)
            ? Results.Ok(MemberBody.From(member))
            : problem.ToResult();
    }

    private static async Task<IResult> Remove(Guid id, Caller caller, MemberRegistry members, CancellationToken cancellationToken)
    {
        if (id != caller.UserId && !caller.Has(Scopes.OrganizationWrite))
            return Problems.InsufficientScope(Scopes.OrganizationWrite).ToResult();
        return await members.RemoveAsync(caller.ToActor(), id, cancellationToken) is { } problem ? problem.ToResult() : Results.NoContent();
    }

    private static async Task<IResult> Revoke(Guid id, Caller caller, MemberRegistry members, CancellationToken cancellationToken) =>
        (await members.RevokeAsync(caller.ToActor(), id, cancellationToken)).TryGet(out var ended, out var problem) ? Results.Ok(ended) : problem.ToResult();

    private static async Task<IResult> ResetSecondFactor(Guid id, Caller caller, MemberRegistry members, CancellationToken cancellationToken) =>
        (await members.ResetSecondFactorAsync(caller.ToActor(), id, cancellationToken)).TryGet(out var reset, out var problem) ? Results.Ok(reset) : problem.ToResult();

    private static async Task<IResult> Import(ImportPeopleBody body, Caller caller, PeopleImport import, CancellationToken cancellationToken) =>
        (await import.RunAsync(caller.ToActor(), [.. body.People.Select(person => person?.ToDraft() ?? new PersonDraft(new InvitationDraft(null, null, null), null))], body.DryRun, cancellationToken))
            .TryGet(out var people, out var problem)
            ? Results.Ok(new ImportBody(body.DryRun, [.. people.Select(ImportedPersonBody.From)]))
            : problem.ToResult();

    private static bool SeesAddresses(Caller caller) => caller.Role >= Role.Admin;

    private static async Task<MemberBody> BodyAsync(Invited invited, Caller caller, MemberRegistry members, CancellationToken cancellationToken) =>
        MemberBody.From((await members.FindAsync(caller.OrganizationId, invited.UserId, withEmail: true, cancellationToken))!) with { InvitationUrl = invited.Url };
}

/// <param name="Username">The login on every cluster; it stays.</param>
/// <param name="Email">Unique in the organization.</param>
/// <param name="Role"><c>member</c> when absent; <c>admin</c> and <c>owner</c> are given by owners.</param>
/// <param name="DisplayName">Absent: the person says it.</param>
internal sealed record InviteBody(string Username, string Email, string? Role = null, string? DisplayName = null);

/// <param name="Role">Absent: as it is.</param>
/// <param name="Disabled">Absent: as it is.</param>
internal sealed record ChangeMemberBody(string? Role = null, bool? Disabled = null);

/// <param name="People">At most 200.</param>
/// <param name="DryRun">True: nothing is changed, the report says what would be.</param>
internal sealed record ImportPeopleBody(IReadOnlyList<ImportPersonBody?> People, bool DryRun = false);

/// <param name="AuthorizedKeys">The text of the person's authorized_keys file.</param>
internal sealed record ImportPersonBody(string? Username, string? Email = null, string? Role = null, string? DisplayName = null, string? AuthorizedKeys = null)
{
    public PersonDraft ToDraft() => new(new InvitationDraft(Username, Email, Role, DisplayName), AuthorizedKeys);
}

internal sealed record ImportBody(bool DryRun, IReadOnlyList<ImportedPersonBody> People);

/// <param name="Outcome"><c>invited</c>, <c>known</c> (was here before, and is left as it is) or <c>refused</c>.</param>
internal sealed record ImportedPersonBody(string? Username, string Outcome, Guid? Id, string? Code, string? Detail, IReadOnlyList<ImportedKeyBody> Keys)
{
    /// <summary>The link to hand over: in this answer, and never again.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? InvitationUrl { get; init; }

    public static ImportedPersonBody From(ImportedPerson person) => new(person.Username, person.Outcome.ToString().ToLowerInvariant(), person.Id, person.Problem?.Code, person.Problem?.Detail,
        [.. person.Keys.Select(key => new ImportedKeyBody(key.Line, key.Problem is null ? "added" : "refused", key.Fingerprint, key.Problem?.Code, key.Problem?.Detail))])
    {
        InvitationUrl = person.InvitationUrl,
    };

    public override string ToString() => $"import of {Id}";
}

/// <param name="Line">Of the person's authorized_keys.</param>
/// <param name="Outcome"><c>added</c> or <c>refused</c>.</param>
internal sealed record ImportedKeyBody(int Line, string Outcome, string? Fingerprint, string? Code, string? Detail);

/// <param name="State"><c>active</c>, <c>invited</c> or <c>disabled</c>.</param>
/// <param name="Email">Null for those who are no administrators.</param>
internal sealed record MemberBody(
    Guid Id, string Username, string? DisplayName, string? Email, string Role, bool Operator, string State, bool Disabled, DateTime CreatedAt, DateTime? InvitationExpiresAt)
{
    /// <summary>The link to hand over: in the answer that made it, and never again.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? InvitationUrl { get; init; }

    public static MemberBody From(Member member) => new(
        member.Id, member.Username, member.DisplayName, member.Email, member.Role.Word(), member.IsOperator, member.State, member.Disabled, member.CreatedAt, member.InvitationEndsAt);

    public override string ToString() => $"member {Id}";
}
