using System.Collections.Concurrent;
using Activate.Identity.Data;
using Microsoft.Data.Sqlite;

namespace Activate.Identity.Testing;

public sealed partial class TestServer
{
    /// <summary>
    /// A server as it is before its first request, made once for the test process and copied for each: migrations, keys and the first owner's password
    /// would cost each of them most of its start. Whoever wants other settings than the usual, or other services, gets none of it and starts from nothing; so does everybody
    /// on SQL Server, which has no quick copy.
    /// </summary>
    private sealed class Prepared
    {
        private static readonly ConcurrentDictionary<(DatabaseProvider, bool), Lazy<Task<Prepared>>> s_made = new();
        private readonly string _folder;

        private Prepared(string folder, string? database) => (_folder, Database) = (folder, database);

        /// <summary>The connection string of PostgreSQL's; SQLite's is in the folder.</summary>
        public string? Database { get; }

        public static async Task<Prepared?> ForAsync(TestServerOptions options)
        {
            if (!options.Owner || options.Customize is not null || options.Settings.Count > 0 || options.Database == DatabaseProvider.SqlServer)
                return null;
            return await s_made.GetOrAdd((options.Database, options.FakeClock), _ => new Lazy<Task<Prepared>>(() => MakeAsync(options with { Nodes = 1 }))).Value;
        }

        private static async Task<Prepared> MakeAsync(TestServerOptions options)
        {
            var server = new TestServer("http://localhost", options.FakeClock);
            var settings = await server.SettingsAsync(options, prepared: null);
            await using (var app = server.Build(0, settings, options))
                await PrepareAsync(app);
            // Nobody may have open what is copied.
            SqliteConnection.ClearAllPools();
            Npgsql.NpgsqlConnection.ClearAllPools();
            AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(server._folder, recursive: true);
            return new Prepared(server._folder, settings["Database:ConnectionString"]);
        }

        public void CopyTo(string folder)
        {
            foreach (var from in Directory.GetFiles(_folder, "*", SearchOption.AllDirectories))
            {
                var to = Path.Combine(folder, Path.GetRelativePath(_folder, from));
                Directory.CreateDirectory(Path.GetDirectoryName(to)!);
                File.Copy(from, to);
            }
        }
    }
}
