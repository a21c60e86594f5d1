using Activate.Identity.Core.Organizations;
using Activate.Identity.Data;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Data.Mail;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Mail;

/// <summary>Somebody who gets mail.</summary>
internal sealed record Recipient(Guid UserId, string Username, string Address);

/// <summary>
/// Adds mail to the change it tells of: the caller's SaveChanges or transaction writes both or neither, and sending it is the work of <see cref="MailSender"/>, so that no request ever waits
/// for a mail server. Without mail (<see cref="IsOn"/>) nothing is added.
/// </summary>
public sealed class MailOutbox(ActivateDbContext database, MailSettings settings, MailContents contents, IHttpContextAccessor http, PublicOrigin origin, TimeProvider clock)
{
    /// <summary>Tried for this long, unless what it says is worth nothing sooner.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromDays(2);

    /// <summary>Administrators who are told where nobody else is.</summary>
    private const int MostAdministrators = 20;

    public bool IsOn => settings.IsOn;

    /// <summary>
    /// Tells whoever looks after an account what happened to it just now, with the time and the address it was done from: a person, or the keepers of a service account. An account that
    /// nobody keeps, a cluster's too, is its administrators' matter.
    /// </summary>
    /// <param name="ownerId">Whose thing it is.</param>
    /// <param name="letter">Without when and where.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <param name="address">Where it was done from, where that is not the request at hand.</param>
    public async Task NotifyAsync(Guid ownerId, Letter letter, CancellationToken cancellationToken, string? address = null)
    {
        if (!IsOn || await FindOwnerAsync(ownerId, cancellationToken) is not { } owner)
            return;
        List<Fact> facts = [.. letter.Facts, new("Account", owner.Username), new("When", Letter.Time(clock.Now()))];
        if ((address ?? http.HttpContext?.RemoteAddress()) is { } from)
            facts.Add(new Fact("From", from));
        foreach (var recipient in owner.Recipients)
            Add(recipient, letter with { Facts = facts });
    }

    /// <summary>The same for what happened to a person, whose name and address the caller has read.</summary>
    internal void Notify(Guid userId, string username, string? email, Letter letter)
    {
        if (email is null)
            return;
        List<Fact> facts = [.. letter.Facts, new("Account", username), new("When", Letter.Time(clock.Now()))];
        if (http.HttpContext?.RemoteAddress() is { } from)
            facts.Add(new Fact("From", from));
        Add(new Recipient(userId, username, email), letter with { Facts = facts });
    }

    /// <summary>Tells the administrators of an organization; null: the operators of this server.</summary>
    internal async Task NotifyAdministratorsAsync(Guid? organizationId, Letter letter, CancellationToken cancellationToken)
    {
        if (!IsOn)
            return;
        foreach (var recipient in await (organizationId is { } id ? Administrators(id) : Reachable(database.Users.Where(u => u.IsOperator)).Take(MostAdministrators)).ToListAsync(cancellationToken))
            Add(recipient, letter);
    }

    /// <summary>Adds a letter to one person.</summary>
    /// <param name="recipient">Whom, and where.</param>
    /// <param name="letter">What.</param>
    /// <param name="until">When it is worth nothing any more; null: two days are tried.</param>
    internal void Add(Recipient recipient, Letter letter, DateTime? until = null)
    {
        if (!IsOn)
            return;
        letter = letter with { Reason = letter.Reason ?? $"You get this mail because {recipient.Username} on {origin.Host} has this address. It is about security, so it cannot be switched off." };
        Add(MailKind.Letter, recipient.UserId, new AddressedLetter(recipient.Address, letter), until);
    }

    /// <summary>Adds what somebody typed who forgot a password. Whose account it is, if anybody's, is looked up later: this costs the same for everybody.</summary>
    internal void AddReset(string typed, DateTime until) => Add(MailKind.PasswordReset, null, typed, until);

    /// <summary>Whose account it is, and who is told about it.</summary>
    internal async Task<Owner?> FindOwnerAsync(Guid ownerId, CancellationToken cancellationToken)
    {
        var owner = await database.Users.AsNoTracking().Where(u => u.Id == ownerId)
            .Select(u => new { u.UserName, u.Kind, u.OrganizationId, u.Email, Barred = u.Disabled || u.Organization!.Suspended }).SingleOrDefaultAsync(cancellationToken);
        if (owner is null)
            return null;
        if (owner.Kind == UserKind.Person)
            return new Owner(owner.UserName!, owner.Barred || owner.Email is null ? [] : [new Recipient(ownerId, owner.UserName!, owner.Email)]);
        var keepers = await Reachable(database.ServiceAccountKeepers.Where(k => k.AccountId == ownerId).Select(k => k.Keeper!)).ToListAsync(cancellationToken);
        return new Owner(owner.UserName!, keepers.Count > 0 ? keepers : await Administrators(owner.OrganizationId).ToListAsync(cancellationToken));
    }

    private IQueryable<Recipient> Administrators(Guid organizationId) =>
        Reachable(database.Users.Where(u => u.OrganizationId == organizationId && u.Role >= Role.Admin)).Take(MostAdministrators);

    private static IQueryable<Recipient> Reachable(IQueryable<User> people) =>
        people.AsNoTracking().Where(u => u.Kind == UserKind.Person && !u.Disabled && !u.Organization!.Suspended && u.Email != null).OrderBy(u => u.Id)
            .Select(u => new Recipient(u.Id, u.UserName!, u.Email!));

    private void Add<T>(MailKind kind, Guid? userId, T content, DateTime? until)
    {
        var now = clock.GetUtcNow();
        database.MailMessages.Add(new MailMessage
        {
            Id = Guid.CreateVersion7(now),
            Kind = kind,
            UserId = userId,
            Content = contents.Protect(content),
            CreatedAt = now.UtcDateTime,
            DueAt = now.UtcDateTime,
            GiveUpAt = until ?? now.UtcDateTime + s_patience,
        });
    }
}

/// <summary>An account as letters about it see it.</summary>
internal sealed record Owner(string Username, IReadOnlyList<Recipient> Recipients);
