using Activate.Identity.Data;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.IdentityProviders;

/// <summary>From when nothing of somebody works: a provider asks for a sign-in every so many days, and of several the first that pauses counts.</summary>
internal static class Pauses
{
    private const int Chunk = 500;

    /// <summary>
    /// Writes that instant for people whose sign-ins or providers have just changed, so that nobody is asked later whether they are paused. In the caller's transaction, after what it changed
    /// has been saved.
    /// </summary>
    public static async Task SetPausesAsync(this ActivateDbContext database, IReadOnlyCollection<Guid> people, CancellationToken cancellationToken)
    {
        foreach (var chunk in people.Chunk(Chunk))
        {
            var pauses = (await database.ExternalLogins.Where(login => chunk.Contains(login.UserId) && login.Provider!.Enabled && login.Provider.PauseAfterDays != null)
                .Select(login => new { login.UserId, login.LastSignedInAt, login.Provider!.PauseAfterDays }).ToListAsync(cancellationToken))
                .ToLookup(login => login.UserId, login => (DateTime?)login.LastSignedInAt.AddDays(login.PauseAfterDays!.Value));
            foreach (var group in chunk.GroupBy(user => pauses[user].Min()))
            {
                var (users, from) = (group.ToArray(), group.Key);
                await database.Users.Where(user => users.Contains(user.Id)).ExecuteUpdateAsync(set => set.SetProperty(user => user.PausedFrom, from), cancellationToken);
            }
        }
    }
}
