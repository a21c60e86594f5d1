using Activate.Identity.Core.Errors;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Data;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Data.Audit;
using Activate.Identity.Data.Organizations;
using Activate.Identity.Data.Setup;
using Activate.Identity.Server.Accounts;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Setup;

/// <summary>
/// Makes the first organization and its owner, once for the whole server: the unique key of <see cref="ServerFact.SetupCompleted"/> is written in the same
/// transaction, so of two nodes, or two holders of a link, one wins.
/// </summary>
public sealed class FirstOwnerIssuer(ActivateDbContext database, UserRegistry users, AuditTrail audit, PublicOrigin origin, SetupConsole console, TimeProvider clock)
{
    private const string Purpose = "setup";
    private static readonly TimeSpan s_codeLifetime = TimeSpan.FromHours(24);

    /// <summary>The link was used, is too old, or never was one.</summary>
    public static readonly Problem CodeRefused = new(ProblemKind.Refused, "setup_code_refused",
        "This link was used already, or is older than 24 hours. Restart the server: it prints a new one on its console.");

    private static readonly Problem s_done = new(ProblemKind.Conflict, "setup_completed", "The server was set up already. Sign in.");

    public async Task<bool> IsDoneAsync(CancellationToken cancellation) =>
        await database.ServerFacts.AnyAsync(fact => fact.Key == ServerFact.SetupCompleted, cancellation) || await database.Users.AnyAsync(cancellation);

    /// <exception cref="StartupException">The settings break a rule; the message names it, and never holds the password.</exception>
    public async Task PrepareAsync(IConfigurationSection settings, CancellationToken cancellation)
    {
        if (await IsDoneAsync(cancellation))
            return;
        var request = new FirstOwner(settings["Organization"], settings["Username"], settings["Email"], settings["Password"]);
        if (request != new FirstOwner(null, null, null, null))
        {
            var created = await CreateAsync(request, code: null, cancellation);
            if (created.Problem is { } problem && problem != s_done)
                throw new StartupException($"Setup:{(problem.Field is { Length: > 0 } field ? char.ToUpperInvariant(field[0]) + field[1..] : "*")}: {problem.Detail}");
            return;
        }

        var now = clock.GetUtcNow().UtcDateTime;
        var code = LinkCode.Generate();
        database.OneTimeCodes.Add(new OneTimeCode { Hash = LinkCode.Hash(code), Purpose = Purpose, ExpiresAt = now + s_codeLifetime });
        await database.SaveChangesAsync(cancellation);
        await console.Out.WriteLineAsync(
            $"""

             There is no user yet. Open this link within 24 hours to set the server up; it works once:

               {origin.Value}/setup?code={code}

             """);
        await console.Out.FlushAsync(cancellation);
    }

    public Task<bool> IsLiveAsync(string? code, CancellationToken cancellation)
    {
        if (!LinkCode.HasForm(code))
            return Task.FromResult(false);
        var (hash, now) = (LinkCode.Hash(code), clock.GetUtcNow().UtcDateTime);
        return database.OneTimeCodes.AnyAsync(c => c.Hash == hash && c.Purpose == Purpose && c.ExpiresAt > now, cancellation);
    }

    /// <summary>Creates organization and owner; the code, when one is given, is used up by the same commit.</summary>
    /// <param name="request">What was filled in.</param>
    /// <param name="code">The code of the link; null for the settings, which need none.</param>
    /// <param name="cancellation">Ends the work; nothing is left half done.</param>
    /// <param name="before">Work to be part of the same transaction, e.g. signing the owner in.</param>
    public async Task<Result<User>> CreateAsync(FirstOwner request, string? code, CancellationToken cancellation, Func<User, Task>? before = null)
    {
        if (!OrganizationName.Parse(request.Organization, "organization").TryGet(out var name, out var problem))
            return problem;
        // Only here an e-mail address is a must: the first owner is who gets the mail when something is wrong.
        if (string.IsNullOrWhiteSpace(request.Email))
            return Problems.Invalid("email", "email_required", "Give an e-mail address.");
        if (string.IsNullOrEmpty(request.Password))
            return Problems.Invalid("password", "password_required", "Choose a password.");

        var now = clock.GetUtcNow().UtcDateTime;
        var organization = new Organization { Id = Guid.CreateVersion7(now), Name = name, Slug = OrganizationName.ToSlug(name), CreatedAt = now };
        await using var transaction = await database.Database.BeginTransactionAsync(cancellation);
        // The fact first: whoever comes second waits here, holding nothing that the first still needs.
        database.ServerFacts.Add(new ServerFact { Key = ServerFact.SetupCompleted, At = now });
        database.Organizations.Add(organization);
        try
        {
            await database.SaveChangesAsync(cancellation);
        }
        catch (DbUpdateException exception) when (DatabaseFaults.IsDuplicate(exception))
        {
            database.ChangeTracker.Clear();
            return s_done;
        }

        if (code is not null)
        {
            var hash = LinkCode.Hash(code);
            if (await database.OneTimeCodes.Where(c => c.Hash == hash && c.Purpose == Purpose && c.ExpiresAt > now).ExecuteDeleteAsync(cancellation) != 1)
            {
                database.ChangeTracker.Clear();
                return CodeRefused;
            }
        }

        var created = await users.CreateAsync(organization.Id, request.Username, request.Email, request.Password, Role.Owner, isOperator: true, UserKind.Person, cancellation);
        if (!created.TryGet(out var owner, out _))
        {
            // Leaving rolls everything back, the code included: the form can be corrected and sent again.
            database.ChangeTracker.Clear();
            return created;
        }

        await database.OneTimeCodes.Where(c => c.Purpose == Purpose).ExecuteDeleteAsync(cancellation);
        audit.Add(AuditTypes.SetupCompleted, new AuditActor(owner.Id, organization.Id, null), owner.Id);
        if (before is not null)
            await before(owner);
        await database.SaveChangesAsync(cancellation);
        await transaction.CommitAsync(cancellation);
        return owner;
    }
}

/// <summary>What the first owner filled in, or the settings say.</summary>
public sealed record FirstOwner(string? Organization, string? Username, string? Email, string? Password)
{
    /// <summary>Holds a password: not to be printed.</summary>
    public override string ToString() => nameof(FirstOwner);
}
