using Activate.Identity.Core.Errors;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Data;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Data.Audit;
using Activate.Identity.Data.Organizations;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Members;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Organizations;

/// <summary>An organization as operators see it: that it is there, and nothing of what it has.</summary>
public sealed record OrganizationEntry(Guid Id, string Slug, string Name, bool Suspended, int People, DateTime CreatedAt);

/// <summary>An organization that was made, with the invitation of its owner.</summary>
public sealed record CreatedOrganization(OrganizationEntry Organization, Invited Owner);

/// <summary>Creates, suspends and resumes organizations, for operators of the server. Page, REST and command line all end here.</summary>
public sealed class OrganizationRegistry(ActivateDbContext database, InvitationIssuer invitations, AuditTrail audit, CredentialCache cache, TimeProvider clock)
{
    public static readonly Problem OperatorRequired = new(ProblemKind.Refused, "operator_required", "Organizations are created and suspended by operators of this server.");

    private static readonly Problem s_slugTaken = new(ProblemKind.Conflict, "name_taken", "There is an organization with that slug already. Choose another.", "slug");

    private static readonly Problem s_own = new(ProblemKind.Refused, "own_organization", "This is your own organization: suspending it would shut you out, and nobody of it could resume it.");

    /// <summary>All organizations, newest first; one more than the limit is read.</summary>
    public Task<List<OrganizationEntry>> ListAsync(PageQuery page, CancellationToken cancellationToken) =>
        Shown(database.Organizations.AsNoTracking().Where(o => page.After == null || o.Id.CompareTo(page.After.Value) < 0).OrderByDescending(o => o.Id).Take(page.Limit + 1)).ToListAsync(cancellationToken);

    /// <summary>Creates an organization, and invites its owner: one transaction, so that there is none without an owner to come.</summary>
    /// <param name="actor">The operator.</param>
    /// <param name="name">For people.</param>
    /// <param name="slug">For programs; null: made of the name. It stays.</param>
    /// <param name="owner">Who is to be its owner.</param>
    /// <param name="cancellationToken">Ends the wait; nothing is left half done.</param>
    /// <param name="form">The one-time form it comes from, if it comes from one.</param>
    public async Task<Result<CreatedOrganization>> CreateAsync(
        AuditActor actor, string? name, string? slug, InvitationDraft owner, CancellationToken cancellationToken, Guid? form = null)
    {
        if (await OneTimeForms.IsSpentAsync(database, form, cancellationToken))
            return OneTimeForms.Spent;
        if (!OrganizationName.Parse(name, "name").TryGet(out var parsed, out var problem)
            || !OrganizationName.ParseSlug(string.IsNullOrWhiteSpace(slug) ? OrganizationName.ToSlug(parsed) : slug).TryGet(out var identifier, out problem))
            return problem;
        var organization = new Organization { Id = Guid.CreateVersion7(clock.GetUtcNow()), Name = parsed, Slug = identifier, CreatedAt = clock.Now() };
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        await database.TakeTurnAsync(actor.UserId, cancellationToken);
        if (await OneTimeForms.SpendAsync(database, form, clock.Now(), cancellationToken) is { } spent)
            return spent;
        database.Organizations.Add(organization);
        audit.Add(AuditTypes.OrganizationCreated, actor, organization.Id, detail: identifier);
        try
        {
            await database.SaveChangesAsync(cancellationToken);
        }
        catch (DbUpdateException exception) when (DatabaseFaults.IsDuplicate(exception))
        {
            return s_slugTaken;
        }

        // Told in the log of the organization that it is about.
        if (!(await invitations.AddAsync(actor with { OrganizationId = organization.Id }, owner with { Role = Role.Owner.Word() }, cancellationToken)).TryGet(out var invited, out problem))
            return problem with { Field = problem.Field is { } field ? $"owner.{field}" : null };
        await transaction.CommitAsync(cancellationToken);
        return new CreatedOrganization(new OrganizationEntry(organization.Id, identifier, parsed, false, 1, organization.CreatedAt), invited);
    }

    /// <summary>Suspends an organization, or lifts that: everything of it ends within a second, and comes back as far as time has not ended it.</summary>
    public async Task<Result<OrganizationEntry>> SuspendAsync(AuditActor actor, Guid id, bool suspended, CancellationToken cancellationToken)
    {
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        await database.TakeTurnOfOrganizationAsync(id, cancellationToken);
        if (await database.Organizations.SingleOrDefaultAsync(o => o.Id == id, cancellationToken) is not { } organization)
            return Problems.NotFound;
        if (suspended && id == actor.OrganizationId)
            return s_own;
        if (organization.Suspended != suspended)
        {
            organization.Suspended = suspended;
            var type = suspended ? AuditTypes.OrganizationSuspended : AuditTypes.OrganizationResumed;
            // In the operator's log, and in that of the organization, which does not see the other.
            audit.Add(type, actor, id, detail: organization.Slug);
            if (id != actor.OrganizationId)
                audit.Add(type, actor with { OrganizationId = id }, id);
            await database.SaveChangesAsync(cancellationToken);
        }

        await transaction.CommitAsync(cancellationToken);
        cache.Forget();
        return await Shown(database.Organizations.AsNoTracking().Where(o => o.Id == id)).SingleAsync(cancellationToken);
    }

    private IQueryable<OrganizationEntry> Shown(IQueryable<Organization> organizations) => organizations.Select(o =>
        new OrganizationEntry(o.Id, o.Slug, o.Name, o.Suspended, database.Users.Count(u => u.OrganizationId == o.Id && u.Kind == UserKind.Person), o.CreatedAt));
}
