using System.Security.Cryptography;
using System.Text;

namespace Activate.Identity.Cli.Contexts;

/// <summary>
/// Small files that only their owner may read. A write makes a new file (0600 from its first byte, created with O_EXCL), flushes it to the disk and renames it
/// over the old one: a reader on any host sees the old text or the new, never half of one. rename(2) is atomic on NFS as well, where locks are not to be relied on.
/// </summary>
internal sealed class PrivateFiles(string folder, Surroundings around)
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode OwnerOnlyFolder = OwnerOnly | UnixFileMode.UserExecute;
    private const int MaximumSize = 1 << 20;
    private static readonly TimeSpan s_leftover = TimeSpan.FromHours(1);

    public string PathOf(string name) => Path.Combine(folder, name);

    /// <summary>The text, or null when there is no such file.</summary>
    public string? Read(string name)
    {
        var path = PathOf(name);
        try
        {
            // No advisory locks either (see the project file): some NFS servers answer them late or never.
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            Tighten(path);
            if (file.Length > MaximumSize)
                throw Failure.Failed($"{path} is far too large to be a file of actid. Move it away.");
            using var reader = new StreamReader(file, Encoding.UTF8);
            return reader.ReadToEnd();
        }
        catch (Exception problem) when (problem is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    public void Write(string name, string text)
    {
        MakeFolder(folder);
        try
        {
            Replace(PathOf(name), text);
        }
        finally
        {
            RemoveLeftovers();
        }
    }

    /// <summary>Puts a new file in the place of whatever is there, in a folder that need not be ours.</summary>
    public static void Replace(string path, string text, UnixFileMode mode = OwnerOnly)
    {
        var temporary = TemporaryPath(Path.GetDirectoryName(Path.GetFullPath(path))!);
        try
        {
            WriteNew(temporary, text, mode);
            File.Move(temporary, path, overwrite: true);
        }
        finally
        {
            File.Delete(temporary);
        }
    }

    /// <summary>Makes a file where there is none.</summary>
    /// <exception cref="IOException">There is one.</exception>
    public static void WriteNew(string path, string text, UnixFileMode mode = OwnerOnly)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, Share = FileShare.ReadWrite | FileShare.Delete };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = mode;
        using var file = new FileStream(path, options);
        file.Write(Encoding.UTF8.GetBytes(text));
        file.Flush(flushToDisk: true);
    }

    /// <summary>Removes a file if its text is the one expected. One that was replaced meanwhile stays, or comes back.</summary>
    public void Remove(string name, Func<string, bool> isExpected)
    {
        var path = PathOf(name);
        var aside = TemporaryPath(folder);
        try
        {
            // Renaming takes the file away from everybody else in one step; only then is it looked at.
            File.Move(path, aside);
        }
        catch (Exception problem) when (problem is FileNotFoundException or DirectoryNotFoundException)
        {
            return;
        }

        if (!isExpected(File.ReadAllText(aside)))
        {
            try
            {
                File.Move(aside, path, overwrite: false);
                return;
            }
            catch (IOException) when (File.Exists(path))
            {
                // A still newer one has taken its place.
            }
        }

        File.Delete(aside);
    }

    public IEnumerable<string> Names() => Directory.Exists(folder)
        ? Directory.EnumerateFiles(folder).Select(path => Path.GetFileName(path)).Where(name => !name.StartsWith('.')).Order(StringComparer.Ordinal)
        : [];

    private static string TemporaryPath(string folder) => Path.Combine(folder, $".{RandomNumberGenerator.GetHexString(16, lowercase: true)}.tmp");

    /// <summary>What a killed process left behind holds a secret too. An hour is more than any write takes and any clock is off.</summary>
    private void RemoveLeftovers()
    {
        foreach (var path in Directory.EnumerateFiles(folder, ".*.tmp"))
        {
            if (around.Time.GetUtcNow() - File.GetLastWriteTimeUtc(path) > s_leftover)
                File.Delete(path);
        }
    }

    private void MakeFolder(string path)
    {
        if (!Directory.Exists(path))
            MakePrivateFolder(path);
        Tighten(path);
    }

    public static void MakePrivateFolder(string path)
    {
        if (OperatingSystem.IsWindows())
            Directory.CreateDirectory(path);
        else
            Directory.CreateDirectory(path, OwnerOnlyFolder);
    }

    /// <summary>
    /// A file that others may read is made private, and said so: refusing to work would help nobody, silence would hide that the secret may be known.
    /// Where that is impossible (somebody else's file), it is not used.
    /// </summary>
    private void Tighten(string path)
    {
        if (OperatingSystem.IsWindows())
            return;
        var mode = File.GetUnixFileMode(path);
        var wanted = mode & OwnerOnlyFolder;
        if (mode == wanted)
            return;
        try
        {
            File.SetUnixFileMode(path, wanted);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            throw Failure.Failed($"{path} may be used by others, and that cannot be changed. Make it private: chmod go= '{path}'");
        }

        around.Error.WriteLine($"warning: {Output.SafeText.OneLine(path)} was open to others (mode {Convert.ToString((int)mode, 8)}) and is private now. "
            + "If others use this machine, replace the credentials in it.");
    }
}
