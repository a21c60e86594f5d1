using System.Globalization;
using Activate.Identity.Data;
using Activate.Identity.Data.Providers.Sqlite;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Operations;

/// <summary>The commands <c>backup</c> and <c>restore</c>. They start no server, migrate nothing, and need no key.</summary>
internal static class DatabaseCopies
{
    public static async Task<int> BackupAsync(CommandLine line, TextWriter output)
    {
        await using var app = Program.Build(line.Settings);
        var database = app.Services.GetRequiredService<DatabaseOptions>();
        if (database.Provider.NativeCopies() is { } native)
            return await ElsewhereAsync(output, $"{database.Provider} has a tool for this, which does it while servers run", native.Backup, "Keep the key ring's certificate (KeyRing:CertificatePath) too, elsewhere: without it the copy is worth nothing.");
        var copy = Try(() => SqliteCopies.Backup(database.ConnectionString!, line.Operands[0]));
        await output.WriteLineAsync($"{copy.Path}: the database as it was just now, {Bytes(copy.Length)}, SHA-256 {copy.Digest}");
        await output.WriteLineAsync("It is worth nothing without the key ring's certificate (KeyRing:CertificatePath): keep a copy of that, elsewhere.");
        return ServerCommands.Done;
    }

    public static async Task<int> RestoreAsync(CommandLine line, TextWriter output)
    {
        await using var app = Program.Build(line.Settings);
        var database = app.Services.GetRequiredService<DatabaseOptions>();
        if (database.Provider.NativeCopies() is { } native)
            return await ElsewhereAsync(output, $"{database.Provider} has a tool for this. Stop every server first", native.Restore, "docs/operations.md, 'After a restore', says what to end anew.");
        using var candidate = Try(() => SqliteCopies.Prepare(database.ConnectionString!, line.Operands[0]));
        await using (var scope = app.Services.CreateAsyncScope())
            Check(candidate, scope.ServiceProvider.GetRequiredService<ActivateDbContext>().Database.GetMigrations());
        if (candidate.TargetExists && !line.Force)
        {
            throw new StartupException($"There is a database at {SqliteCopies.FileOf(database.ConnectionString!)} already. With --force it is replaced, and kept under another name.");
        }

        var kept = Try(() => candidate.PutInPlace(TimeProvider.System.GetUtcNow().UtcDateTime));
        var source = candidate.Source;
        await output.WriteLineAsync($"Restored {source.Path}, {Bytes(source.Length)}, SHA-256 {source.Digest}");
        if (kept is not null)
            await output.WriteLineAsync($"The database before is kept as {kept}. Delete it when the server runs well.");
        await output.WriteLineAsync("What was deleted or ended after the backup lives again: docs/operations.md, 'After a restore', says what to end anew. Then run doctor, and start the server.");
        return ServerCommands.Done;
    }

    private static void Check(SqliteCopies.Candidate candidate, IEnumerable<string> ours)
    {
        if (candidate.Migrations.Count == 0)
            throw new StartupException($"{candidate.Source.Path} is a database, but not one of Activate.Identity. Nothing was changed.");
        if (candidate.Migrations.Except(ours).ToList() is [.., var newest])
        {
            throw new StartupException(
                $"{candidate.Source.Path} was made by a newer version of the server (it has the migration {newest}, which this one does not know). Restore it with that version. Nothing was changed.");
        }
    }

    private static async Task<int> ElsewhereAsync(TextWriter output, string before, string command, string after)
    {
        await output.WriteLineAsync($"{before}:\n\n  {command}\n\n{after}");
        return ServerCommands.WrongUsage;
    }

    private static T Try<T>(Func<T> work)
    {
        try
        {
            return work();
        }
        catch (SqliteCopyException refusal)
        {
            throw new StartupException(refusal.Message);
        }
    }

    private static string Bytes(long length) => string.Create(CultureInfo.InvariantCulture, $"{length:#,0} bytes");
}
