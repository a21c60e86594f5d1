using Activate.Identity.Core.Accounts;
using Activate.Identity.Core.Errors;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Data;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Data.Members;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Accounts;

/// <summary>The one way to a new user: Core's rules before, the unique indexes as the last word.</summary>
public sealed class UserRegistry(UserManager<User> users, ActivateDbContext database, PasswordGate gate, TimeProvider clock)
{
    private static readonly Problem s_nameTaken = new(ProblemKind.Conflict, "name_taken", "Somebody has that username already. Choose another.", "username");
    internal static readonly Problem EmailTaken = new(ProblemKind.Conflict, "email_taken", "Somebody in this organization has that e-mail address already.", "email");

    /// <summary>Saves the new user, together with whatever else the context holds unsaved. Without a password nobody can sign in as this user. Within a transaction of the caller's,
    /// a problem means that the caller rolls back.</summary>
    public async Task<Result<User>> CreateAsync(Guid organizationId, string? username, string? email, string? password, Role role, bool isOperator, UserKind kind,
        CancellationToken cancellation, string? displayName = null)
    {
        if (!Username.Parse(username).TryGet(out var name, out var problem))
            return problem;
        string? address = null;
        if (email is not null && !EmailAddress.Parse(email).TryGet(out address, out problem))
            return problem;

        string? hash = null;
        if (password is not null)
        {
            var organization = await database.Organizations.AsNoTracking().Where(o => o.Id == organizationId).Select(o => o.Name).FirstOrDefaultAsync(cancellation);
            if (!PasswordRules.Parse(password, [name, address, organization]).TryGet(out var normalized, out problem)
                || !(await gate.HashAsync(normalized, cancellation)).TryGet(out hash, out problem))
                return problem;
        }

        var now = clock.Now();
        var user = new User
        {
            Id = Guid.CreateVersion7(now),
            OrganizationId = organizationId,
            UserName = name,
            Email = address,
            DisplayName = displayName,
            PasswordHash = hash,
            Kind = kind,
            Role = role,
            IsOperator = isOperator,
            CreatedAt = now,
            LockoutEnabled = true,
        };
        await using var transaction = database.Database.CurrentTransaction is null ? await database.Database.BeginTransactionAsync(cancellation) : null;
        try
        {
            var result = await users.CreateAsync(user);
            if (!result.Succeeded)
                throw new InvalidOperationException($"Identity refused a user that the rules allow: {string.Join(", ", result.Errors.Select(error => error.Code))}");
        }
        catch (DbUpdateException exception) when (DatabaseFaults.IsDuplicate(exception))
        {
            database.Entry(user).State = EntityState.Detached;
            return await database.Users.AnyAsync(other => other.NormalizedUserName == name, cancellation) ? s_nameTaken : EmailTaken;
        }

        // After the INSERT, which waits for whoever is deleting the last holder of the name: before it, that one's retirement could be missed.
        var retired = RetiredUsername.HashOf(name);
        if (await database.RetiredUsernames.AnyAsync(other => other.Hash == retired, cancellation))
            return s_nameTaken;
        if (transaction is not null)
            await transaction.CommitAsync(cancellation);
        return user;
    }
}
