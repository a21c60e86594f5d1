using System.Data.Common;
using System.Net.Sockets;
using Activate.Identity.Core.Errors;
using Activate.Identity.Server.Connect;
using Activate.Identity.Server.Keys;
using Activate.Identity.Server.Setup;
using Activate.Identity.Server.Web;
using Microsoft.Extensions.Options;

namespace Activate.Identity.Server.Operations;

/// <summary>
/// What the server's own program can do: serve, and the commands of whoever may start it. Exit codes: 0 done, 1 refused or failed, 2 wrong usage, or another tool's work.
/// </summary>
internal static class ServerCommands
{
    public const int Done = 0, Failed = 1, WrongUsage = 2;

    private static readonly TimeSpan s_startIsOver = TimeSpan.FromSeconds(20);

    private static readonly Command[] s_all =
    [
        new("migrate", "", "bring the database up to date", async (line, _) =>
        {
            await using var app = Program.Build(line.Settings);
            await app.MigrateAsync();
            return Done;
        }),
        new("rotate-keys", "", "make new signing keys; nodes that run follow within seconds", async (line, _) =>
        {
            await using var app = Program.Build(line.Settings);
            await app.MigrateAsync();
            await app.PrepareKeysAsync();
            return await app.RotateKeysAsync();
        }),
        new("backup", "FILE", "copy the database to a file, while servers use it (SQLite)", DatabaseCopies.BackupAsync),
        new("restore", "FILE", "put such a file in the database's place (SQLite); --force: also where there is one", DatabaseCopies.RestoreAsync),
        new("doctor", "", "look for what is wrong with settings, database, keys, mail and libraries", Doctor.RunAsync),
    ];

    public static async Task<int> RunAsync(IReadOnlyList<string> arguments, TextWriter output, TextWriter error)
    {
        if (!CommandLine.Parse(arguments).TryGet(out var line, out var problem) || !Find(line).TryGet(out var command, out problem))
        {
            await error.WriteLineAsync($"{problem.Detail}\n\n{Help()}");
            return WrongUsage;
        }

        if (line.Help)
        {
            await output.WriteLineAsync(Help());
            return Done;
        }

        try
        {
            OpenFiles.RefuseTooFew();
            return await command.RunAsync(line, output);
        }
        catch (Exception refusal) when (refusal is StartupException or OptionsValidationException)
        {
            return await RefuseAsync(refusal.Message);
        }
        catch (Exception fault) when (DatabaseFault(fault) is not null)
        {
            return await RefuseAsync($"the database cannot be used ({DatabaseFault(fault)!.Message.TrimEnd('.')}). See Database:Provider, Database:ConnectionString and Data:Folder, and whether this user may read and write there; then run doctor.");
        }
        catch (Exception fault) when (FailedStart.IsOfTheMachine(fault))
        {
            return await RefuseAsync(fault is SocketException ? $"it cannot listen where Urls says ({fault.Message})." : fault.Message);
        }

        async Task<int> RefuseAsync(string reason)
        {
            await error.WriteLineAsync($"{(line.Command is null ? "The server does not start" : $"{line.Command} was not done")}: {reason}");
            return Failed;
        }
    }

    /// <summary>What the driver says: EF Core puts exceptions of its own around it, and it puts its own around what the network said.</summary>
    private static DbException? DatabaseFault(Exception? exception) => exception is null or DbException ? exception as DbException : DatabaseFault(exception.InnerException);

    private static Result<Command> Find(CommandLine line)
    {
        if (line.Command is null)
            return new Command("", "", "", ServeAsync);
        if (s_all.FirstOrDefault(command => command.Name == line.Command) is not { } found)
            return CommandLine.Usage($"There is no command '{line.Command}'.");
        return line.Help || line.Operands.Count == (found.Operand.Length > 0 ? 1 : 0) ? found
            : CommandLine.Usage(found.Operand.Length > 0 ? $"{found.Name} takes one {found.Operand}." : $"{found.Name} takes nothing more than settings.");
    }

    private static async Task<int> ServeAsync(CommandLine line, TextWriter output)
    {
        await using var app = Program.Build(line.Settings);
        await app.BringUpToDateAsync();
        await app.PrepareKeysAsync();
        await app.PrepareApplicationsAsync();
        await app.PrepareFirstOwnerAsync();
        // A start that fails disposes of the server.
        var lifetime = app.Lifetime;
        var serving = app.RunAsync();
        await Task.WhenAny(serving, TidyUpAsync(lifetime));
        await serving;
        return Done;
    }

    /// <summary>
    /// What only the start needed is given back, once, and with it some 15 MB: an idle server would keep it until its next full collection, hours later.
    /// </summary>
    private static async Task TidyUpAsync(IHostApplicationLifetime lifetime)
    {
        try
        {
            await Task.Delay(s_startIsOver, TimeProvider.System, lifetime.ApplicationStopping);
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        }
        catch (OperationCanceledException)
        {
            // It stops already, and gives everything back.
        }
    }

    private static string Help() =>
        $"""
        Activate.Identity.Server [COMMAND] [--Section:Setting=VALUE]…

        Without a command it serves. Settings come from appsettings.json, the environment (Section__Setting) or here; secrets not from here: everybody on the host can read them.

        {string.Join('\n', s_all.Select(command => $"  {command.Name} {command.Operand,-4}".PadRight(18) + command.Does))}

        Exit codes: 0 done, 1 refused or failed, 2 wrong usage, or another tool's work.
        """;

    /// <param name="Name">The word.</param>
    /// <param name="Operand">The one thing that it takes; empty: nothing.</param>
    /// <param name="Does">For the help.</param>
    /// <param name="RunAsync">Does it, and answers with the exit code.</param>
    private sealed record Command(string Name, string Operand, string Does, Func<CommandLine, TextWriter, Task<int>> RunAsync);
}
