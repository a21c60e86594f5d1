using System.Globalization;

namespace Activate.Identity.Server.Web;

/// <summary>
/// How many files this process may open (<c>ulimit -n</c>, <c>LimitNOFILE</c>). The runtime keeps each assembly open, some 450 files; each connection takes one more, and so do those to the
/// database.
/// </summary>
internal static class OpenFiles
{
    /// <summary>With fewer the runtime does not find its assemblies, and says so in words that help nobody.</summary>
    internal const int Fewest = 768;

    /// <summary>For assemblies, database, logs and mail.</summary>
    private const int Others = 640;

    private static readonly long? s_limit = File.Exists("/proc/self/limits") ? LimitIn(File.ReadAllLines("/proc/self/limits")) : null;

    /// <summary>
    /// So many connections leave enough for the rest; null: there is no limit. Who comes beyond is hung up on at once. Otherwise those who only hold connections open would take the files away
    /// from the database of everybody else, and new ones would be left to wait.
    /// </summary>
    public static long? MostConnections => MostConnectionsWith(s_limit);

    public static void RefuseTooFew()
    {
        if (s_limit < Fewest)
            throw new StartupException($"The process may open {s_limit} files; it needs {Fewest}, and one more for each connection. Raise the limit: LimitNOFILE in a unit of systemd, ulimit -n in a shell, --ulimit nofile for a container.");
    }

    internal static long? MostConnectionsWith(long? limit) => limit - Others;

    /// <param name="limits">Lines of a name, the limit that counts, the highest there may be, and a unit.</param>
    internal static long? LimitIn(IEnumerable<string> limits)
    {
        const string Name = "Max open files";
        var limit = limits.FirstOrDefault(line => line.StartsWith(Name, StringComparison.Ordinal))?[Name.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries).FirstOrDefault();
        return long.TryParse(limit, CultureInfo.InvariantCulture, out var files) ? files : null;
    }
}
