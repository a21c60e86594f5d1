using System.Data.Common;
using Activate.Identity.Data;
using Activate.Identity.Data.Keys;
using Activate.Identity.Data.Mail;
using Activate.Identity.Data.Providers.Sqlite;
using Activate.Identity.Data.Setup;
using Activate.Identity.Server.Keys;
using Activate.Identity.Server.Mail;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.DataProtection.KeyManagement;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace Activate.Identity.Server.Operations;

internal enum Health
{
    Ok,
    Warning,
    Problem,
}

/// <summary>What was found about one thing.</summary>
/// <param name="Health">How it is.</param>
/// <param name="What">The thing, in a word or two.</param>
/// <param name="Says">What was found. Never a secret.</param>
/// <param name="Remedy">What to do about it.</param>
internal sealed record Finding(Health Health, string What, string Says, string? Remedy = null)
{
    public override string ToString() => $"{Health.ToString().ToLowerInvariant(),-8} {What,-17} {Says}{(Remedy is null ? "" : $"\n{"",-27}→ {Remedy}")}";
}

/// <summary>
/// The command <c>doctor</c>: looks at everything that the server stands on, one thing after the other, beside servers that run. It changes nothing: what it tries to write is rolled back, and no key
/// is made. Exit code 1 when something is a problem.
/// </summary>
internal sealed class Doctor(IServiceProvider services, IConfiguration configuration, IHostEnvironment environment)
{
    private static readonly TimeSpan s_clocks = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan s_certificateNotice = TimeSpan.FromDays(30);
    private static readonly TimeSpan s_mailPatience = TimeSpan.FromMinutes(15);
    private static readonly TimeSpan s_connecting = TimeSpan.FromSeconds(10);
    private const long LittleSpace = 1L << 30, NoSpace = 100L << 20;

    private readonly TimeProvider _clock = services.GetRequiredService<TimeProvider>();
    private readonly DatabaseOptions _database = services.GetRequiredService<DatabaseOptions>();

    public static async Task<int> RunAsync(CommandLine line, TextWriter output)
    {
        var worst = Health.Ok;
        await foreach (var finding in ExamineAsync(line.Settings))
        {
            await output.WriteLineAsync(finding.ToString());
            worst = finding.Health > worst ? finding.Health : worst;
        }

        return worst == Health.Problem ? ServerCommands.Failed : ServerCommands.Done;
    }

    private static async IAsyncEnumerable<Finding> ExamineAsync(string[] settings)
    {
        WebApplication? app = null;
        Finding configured;
        try
        {
            // Asked to encrypt, the ring would make a new key where there is none that counts now.
            app = Program.Build(settings, builder => builder.Services.Configure<KeyManagementOptions>(options => options.AutoGenerateKeys = false));
            configured = new Finding(Health.Ok, "configuration", $"{app.Environment.EnvironmentName}, read in {app.Environment.ContentRootPath}");
        }
        catch (Exception refusal) when (refusal is StartupException or OptionsValidationException)
        {
            configured = new Finding(Health.Problem, "configuration", refusal.Message, "Mend this first; then run doctor again, for the rest.");
        }

        yield return configured;
        if (app is null)
            yield break;
        await using (app)
        {
            await foreach (var finding in new Doctor(app.Services, app.Configuration, app.Environment).ExamineAsync())
                yield return finding;
        }
    }

    internal async IAsyncEnumerable<Finding> ExamineAsync()
    {
        yield return Origin();
        yield return Libraries();
        var reachable = await AskAsync("database", ReachableAsync);
        yield return reachable;
        if (reachable.Health != Health.Problem)
        {
            var schema = await AskAsync("schema", SchemaAsync);
            yield return schema;
            yield return await AskAsync("database settings", SettingsAsync);
            yield return await AskAsync("clock", ClockAsync);
            if (schema.Health == Health.Ok)
            {
                yield return await AskAsync("writing", WritableAsync);
                yield return await AskAsync("key ring", RingAsync);
                yield return await AskAsync("signing keys", SigningAsync);
                yield return await AskAsync("mail queue", MailQueueAsync);
            }
        }

        yield return Certificate();
        yield return await MailAsync();
        if (_database.Provider == DatabaseProvider.Sqlite)
            yield return Space(Path.GetDirectoryName(SqliteCopies.FileOf(_database.ConnectionString!))!);
    }

    private Finding Origin()
    {
        var origin = services.GetRequiredService<PublicOrigin>();
        if (origin.Uri.IsLoopback && environment.IsProduction())
            return new Finding(Health.Warning, "public origin", $"{origin.Value} is this machine: nobody else can sign in", "Set Server:PublicOrigin to the https address that people use.");
        if (origin.IsHttps && !configuration.GetSection("Server:TrustedProxies").GetChildren().Any() && !(configuration["Urls"] ?? "").Contains("https://", StringComparison.OrdinalIgnoreCase))
        {
            return new Finding(Health.Warning, "public origin", $"{origin.Value}, but the server listens without TLS and trusts no proxy: every client would seem to come from the proxy's address",
                "Set Server:TrustedProxies to the proxy's address.");
        }

        return new Finding(Health.Ok, "public origin", origin.Value);
    }

    private static Finding Libraries() => LibraryFloors.Violations(LibraryFloors.All).ToList() is { Count: > 0 } old
        ? new Finding(Health.Problem, "libraries", string.Join("; ", old), "Update the .NET runtime or the server.")
        : new Finding(Health.Ok, "libraries", $"{LibraryFloors.All.Count(floor => floor.Runs is not null)} at or above their floors; .NET {Environment.Version}");

    private async Task<Finding> ReachableAsync(ActivateDbContext database)
    {
        if (!await database.Database.CanConnectAsync())
        {
            return _database.Provider == DatabaseProvider.Sqlite
                ? new Finding(Health.Problem, "database", $"There is none at {SqliteCopies.FileOf(_database.ConnectionString!)}, or it cannot be opened",
                    "Start the server once, which makes it; or run doctor as the server's user, with its settings, in its working directory.")
                : new Finding(Health.Problem, "database", $"{_database.Provider} does not answer, refuses the user, or has no such database", "Check Database:ConnectionString, the network, and the user's rights.");
        }

        await database.Database.OpenConnectionAsync();
        return new Finding(Health.Ok, "database", $"{_database.Provider} {database.Database.GetDbConnection().ServerVersion}");
    }

    private static async Task<Finding> SchemaAsync(ActivateDbContext database)
    {
        var unknown = (await database.Database.GetAppliedMigrationsAsync()).Except(database.Database.GetMigrations()).ToList();
        if (unknown.Count > 0)
            return new Finding(Health.Warning, "schema", $"It has {unknown.Count} migration(s) of a newer version, up to {unknown[^1]}", "Run the newer version on every node.");
        return await database.PendingMigrationsAsync() is [var first, ..] pending
            ? new Finding(Health.Problem, "schema", $"{pending.Count} migration(s) are pending, from {first} on", "Make a backup, and run the command migrate.")
            : new Finding(Health.Ok, "schema", $"up to date: {database.Database.GetMigrations().Last()}");
    }

    private async Task<Finding> SettingsAsync(ActivateDbContext database) => _database.Provider switch
    {
        DatabaseProvider.Sqlite => await ScalarAsync(database, "PRAGMA journal_mode") is "wal"
            ? new Finding(Health.Ok, "database settings", "WAL, synchronous=FULL")
            : new Finding(Health.Problem, "database settings", "The file cannot be in WAL mode: readers would wait for the writer", "Put it on a local disk: network file systems cannot share memory."),
        DatabaseProvider.SqlServer => await database.KeepsRowVersionsAsync()
            ? new Finding(Health.Ok, "database settings", "READ_COMMITTED_SNAPSHOT is on")
            : new Finding(Health.Problem, "database settings", "READ_COMMITTED_SNAPSHOT is off: every check of a key would wait for whoever writes, so the server does not start", "ALTER DATABASE [name] SET READ_COMMITTED_SNAPSHOT ON, while no server runs."),
        DatabaseProvider.PostgreSql => await ScalarAsync(database, "SELECT current_setting('fsync') || ' ' || current_setting('synchronous_commit')") switch
        {
            "on on" or "on remote_apply" or "on remote_write" => new Finding(Health.Ok, "database settings", "fsync and synchronous_commit are on"),
            var found => new Finding(Health.Warning, "database settings", $"fsync and synchronous_commit are '{found}': what was answered may be lost with the power", "Set both to on."),
        },
    };

    /// <summary>Milliseconds since 1970.</summary>
    internal const string SqlServerTime = "SELECT DATEDIFF_BIG(millisecond, '1970-01-01', SYSUTCDATETIME())";

    private async Task<Finding> ClockAsync(ActivateDbContext database)
    {
        if (_database.Provider == DatabaseProvider.Sqlite)
        {
            // The same machine's. What it once wrote may still be in its future.
            var newest = await database.AuditEvents.OrderByDescending(e => e.Id).Select(e => (DateTime?)e.At).FirstOrDefaultAsync();
            return newest - _clock.GetUtcNow().UtcDateTime is { } ahead && ahead > s_clocks
                ? new Finding(Health.Problem, "clock", $"It was put back: the last audit event is {ahead.TotalSeconds:0} s in its future", "Set it right, with NTP: the ends of tokens and keys depend on it.")
                : new Finding(Health.Ok, "clock", "not behind what was written last");
        }

        var sql = _database.Provider == DatabaseProvider.SqlServer ? SqlServerTime : "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";
        var there = DateTimeOffset.FromUnixTimeMilliseconds(long.Parse((await ScalarAsync(database, sql))!, System.Globalization.CultureInfo.InvariantCulture));
        var apart = (_clock.GetUtcNow() - there).Duration();
        return apart > s_clocks
            ? new Finding(Health.Problem, "clock", $"This machine's and the database's are {apart.TotalSeconds:0} s apart", "Keep both in step, with NTP: the ends of tokens and keys depend on it.")
            : new Finding(Health.Ok, "clock", $"{apart.TotalMilliseconds:0} ms from the database's");
    }

    /// <summary>Writes a row, and takes it back.</summary>
    private async Task<Finding> WritableAsync(ActivateDbContext database)
    {
        await using var transaction = await database.Database.BeginTransactionAsync();
        database.ServerFacts.Add(new ServerFact { Key = "doctor", At = _clock.Now() });
        await database.SaveChangesAsync();
        await transaction.RollbackAsync();
        return new Finding(Health.Ok, "writing", "a row was written, and taken back");
    }

    private async Task<Finding> RingAsync(ActivateDbContext database)
    {
        var keys = await database.ServerKeys.AsNoTracking().Select(key => new { key.Use, key.Protected }).ToListAsync();
        if (keys.Count == 0)
            return new Finding(Health.Ok, "key ring", "empty: the first start fills it");
        var stored = services.GetRequiredService<StoredKeys>();
        try
        {
            foreach (var key in keys)
                stored.Read(key.Use, key.Protected);
        }
        catch (StartupException refusal)
        {
            return new Finding(Health.Problem, "key ring", refusal.Message, "Set KeyRing:CertificatePath to the certificate that the keys were made with.");
        }
        catch (InvalidOperationException)
        {
            // Told to make no key, data protection has none to begin with.
            return new Finding(Health.Problem, "key ring", $"The ring is empty, and {keys.Count} keys lie under it", "Restore a backup that has the table DataProtectionKeys.");
        }

        return services.GetRequiredService<RingCertificate>().Subject is not null && await KeysSetup.HasPlainKeyAsync(database)
            ? new Finding(Health.Problem, "key ring", KeysSetup.PlainKey, KeysSetup.PlainKeyRemedy)
            : new Finding(Health.Ok, "key ring", $"opens, and with it {keys.Count} keys");
    }

    private Finding Certificate()
    {
        var certificate = services.GetRequiredService<RingCertificate>();
        var left = certificate.EndsAt - _clock.GetUtcNow().UtcDateTime;
        return certificate.Subject is null ? new Finding(Health.Warning, "ring certificate", "none: whoever reads the database has the server's keys", "In Production set KeyRing:CertificatePath.")
            : left < s_certificateNotice
                ? new Finding(Health.Warning, "ring certificate", $"{certificate.Subject} {(left < TimeSpan.Zero ? "ended" : "ends")} on {certificate.EndsAt:yyyy-MM-dd}. It goes on opening the ring",
                    "Nothing stops; whoever watches over certificates may want another.")
            : new Finding(Health.Ok, "ring certificate", $"{certificate.Subject}, until {certificate.EndsAt:yyyy-MM-dd}");
    }

    private async Task<Finding> SigningAsync(ActivateDbContext database)
    {
        var newest = await database.ServerKeys.Where(key => key.Use == ServerKeyUse.Signing || key.Use == ServerKeyUse.SigningEs256).GroupBy(key => key.Use).Select(keys => keys.Max(key => key.CreatedAt)).ToListAsync();
        if (newest.Count == 0)
            return new Finding(Health.Ok, "signing keys", "none yet: the first start makes them");
        var due = newest.Min() + SigningKeySchedule.Period;
        return due < _clock.GetUtcNow().UtcDateTime - TimeSpan.FromDays(1)
            ? new Finding(Health.Warning, "signing keys", $"They were to be replaced on {due:yyyy-MM-dd}, and were not: no server has run since", "Start one, or run the command rotate-keys.")
            : new Finding(Health.Ok, "signing keys", $"the next are made on {due:yyyy-MM-dd}");
    }

    private async Task<Finding> MailQueueAsync(ActivateDbContext database)
    {
        var late = _clock.GetUtcNow().UtcDateTime - s_mailPatience;
        var queue = await database.MailMessages.GroupBy(_ => 1).Select(all => new { Waiting = all.Count(), Late = all.Count(mail => mail.CreatedAt < late), Oldest = all.Min(mail => mail.CreatedAt) }).SingleOrDefaultAsync();
        return queue is null ? new Finding(Health.Ok, "mail queue", "empty")
            : queue.Late > 0
                ? new Finding(Health.Warning, "mail queue", $"{queue.Late} of {queue.Waiting} mails wait since {queue.Oldest:yyyy-MM-dd'T'HH:mm:ss'Z'} or later", "The server's log says why ('was not sent'); mail below says whether the mail server answers.")
            : new Finding(Health.Ok, "mail queue", $"{queue.Waiting} mails wait, none for long");
    }

    private async Task<Finding> MailAsync()
    {
        var settings = services.GetRequiredService<MailSettings>();
        if (settings.Folder is not null)
            return new Finding(Health.Ok, "mail", $"files in {settings.Folder} (Development)");
        if (settings.Host is null)
            return new Finding(Health.Warning, "mail", "off: nobody is told of new keys or sign-ins, and forgotten passwords are an administrator's work", "Set Mail:Host and Mail:From.");
        using var patience = new CancellationTokenSource(s_connecting, _clock);
        try
        {
            await using var connection = await services.GetRequiredService<IMailTransport>().OpenAsync(patience.Token);
            return new Finding(Health.Ok, "mail", $"{settings.Host}:{settings.Port} answers{(settings.Username is null ? "" : ", and takes the password")}; nothing was sent");
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            return new Finding(Health.Problem, "mail", $"{settings.Host}:{settings.Port}: {MailSender.Reason(exception)}", "Check the settings Mail:*, and that this machine may connect there. Mails wait meanwhile.");
        }
    }

    private static Finding Space(string folder)
    {
        if (!Directory.Exists(folder))
            return new Finding(Health.Warning, "disk", $"{folder} does not exist yet", "Start the server once.");
        var free = new DriveInfo(folder).AvailableFreeSpace;
        var says = $"{free >> 20} MB free for {folder}";
        return free < NoSpace ? new Finding(Health.Problem, "disk", says, "Make room: a full disk refuses every change, and every sign-in.")
            : free < LittleSpace ? new Finding(Health.Warning, "disk", says, "Make room in time.")
            : new Finding(Health.Ok, "disk", says);
    }

    private async Task<Finding> AskAsync(string what, Func<ActivateDbContext, Task<Finding>> ask)
    {
        try
        {
            await using var scope = services.CreateAsyncScope();
            return await ask(scope.ServiceProvider.GetRequiredService<ActivateDbContext>());
        }
        catch (Exception exception) when (exception is DbException or DbUpdateException or InvalidOperationException or TimeoutException)
        {
            var cause = exception.GetBaseException();
            return new Finding(Health.Problem, what, $"It cannot be told: {(cause is DbException ? cause.Message : cause.GetType().Name)}",
                DatabaseFaults.IsUnavailable(exception) ? "The database is locked, full, read-only or gone: look at its own log, and at the rights of the server's user." : "Look at the database's own log.");
        }
    }

    private static async Task<string?> ScalarAsync(ActivateDbContext database, string sql)
    {
        await database.Database.OpenConnectionAsync();
        await using var command = database.Database.GetDbConnection().CreateCommand();
#pragma warning disable CA2100 // The texts stand in this file.
        command.CommandText = sql;
#pragma warning restore CA2100
        return Convert.ToString(await command.ExecuteScalarAsync(), System.Globalization.CultureInfo.InvariantCulture);
    }
}
