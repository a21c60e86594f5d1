using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Activate.Identity.Cli.Contexts;
using Activate.Identity.Cli.Output;
using Activate.Identity.Cli.Servers;
using Activate.Identity.Cli.SshKeys;
using Activate.Identity.Core.Clusters;

namespace Activate.Identity.Cli.Hosts;

/// <summary>What is known of the copy. Written as a whole, after the file it names: whoever reads sees the old copy or the new.</summary>
/// <param name="File">The bundle, beside.</param>
/// <param name="ETag">To ask with.</param>
/// <param name="Statement">What the server last said of it, signed.</param>
/// <param name="KeySet">The keys that signed, as they were fetched over TLS.</param>
/// <param name="ClusterKey">SHA-256 of the cluster's key with which it was fetched: with another key it is another cluster's, or nobody's.</param>
internal sealed record CopyRecord(
    [property: JsonRequired] string File, [property: JsonRequired] string ETag, [property: JsonRequired] string Statement, [property: JsonRequired] string KeySet,
    [property: JsonRequired] string ClusterKey);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(CopyRecord))]
internal sealed partial class CopyJson : JsonSerializerContext;

/// <summary>
/// The copy of all who may log in, for the time when the server cannot be reached:
/// <code>
///  /var/lib/actid/              0700 actid, as who both the timer and sshd run us       ($ACTID_CONFIG_DIR/copy where that is set)
///    copy.json         0600     which file, and what the server said of it, signed
///    bundle-7.ndjson   0600     as it was signed: lines in the order of their names
/// </code>
/// </summary>
internal sealed class BundleCopy(Surroundings around, CredentialInUse key)
{
    private const string Standard = "/var/lib/actid";
    private const string Record = "copy.json";
    private const int LargestRecord = 256 * 1024;
    private const int Block = 4096;

    public string Folder { get; } = FolderOf(around);

    private string KeyHash => Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(key.Secret)));

    public static string FolderOf(Surroundings around) => around.Setting("ACTID_CONFIG_DIR") is { } folder ? Path.Combine(folder, "copy") : Standard;

    /// <summary>The copy that was fetched with this key from this server, and what was said of it; null where there is none, or it was tampered with.</summary>
    public (CopyRecord Record, BundleStatement Statement)? Read()
    {
        try
        {
            return ReadRecord();
        }
        catch (UnauthorizedAccessException)
        {
            // Somebody ran the timer's command as root. The next one of the timer puts its own in place, as the folder is its.
            return null;
        }
    }

    private (CopyRecord Record, BundleStatement Statement)? ReadRecord()
    {
        var path = Path.Combine(Folder, Record);
        if (!File.Exists(path) || !IsPrivate(Folder) || !IsPrivate(path) || new FileInfo(path).Length > LargestRecord
            || JsonText.Read(File.ReadAllBytes(path), CopyJson.Default.CopyRecord) is not { } record
            || record.ClusterKey != KeyHash || record.File != FileOf(record) || !File.Exists(Path.Combine(Folder, record.File)) || !IsPrivate(Path.Combine(Folder, record.File))
            || BundleStatement.Verify(record.Statement, record.KeySet) is not { } statement || statement.Issuer != Issuer || record.File != NameOf(statement))
            return null;
        return (record, statement);
    }

    /// <summary>The keys of an account in a copy that may be used now. False: there is no such copy.</summary>
    /// <param name="username">The Unix account.</param>
    /// <param name="now">UTC.</param>
    /// <param name="keys">None where nobody has that account, or it has no keys.</param>
    /// <param name="why">Why there is none, for people.</param>
    public bool TryFind(string username, DateTime now, out List<BundleKey> keys, out string why)
    {
        (keys, why) = ([], "");
        if (Read() is not var (record, statement))
        {
            why = "There is no copy of who may log in on this host.";
            return false;
        }

        if (!statement.CountsAt(now))
        {
            why = $"The copy on this host is from {Times.Full(statement.IssuedAt, now)} and may be used for {statement.MaximumAge.TotalMinutes:0} minutes only.";
            return false;
        }

        try
        {
            var line = Find(Path.Combine(Folder, record.File), username);
            if (line is null || (BundleLine.TryRead(line, out var name, out keys) && name == username))
                return true;
        }
        catch (InvalidDataException)
        {
            keys = [];
        }

        why = "The copy on this host is damaged. Fetch it anew: actid cluster pull";
        return false;
    }

    /// <summary>Takes a new statement about the content that is here.</summary>
    public void Renew(CopyRecord record) => new PrivateFiles(Folder, around).Write(Record, JsonSerializer.Serialize(record, CopyJson.Default.CopyRecord));

    /// <summary>Takes a new content, which lies complete in a temporary file of the folder.</summary>
    public void Replace(string temporary, BundleStatement statement, string jws, string etag, string keySet)
    {
        var name = NameOf(statement);
        File.Move(temporary, Path.Combine(Folder, name), overwrite: true);
        Renew(new CopyRecord(name, etag, jws, keySet, KeyHash));
        // Somebody who looks something up in the one before has it open.
        foreach (var old in Directory.EnumerateFiles(Folder, "bundle-*.ndjson").Where(path => Path.GetFileName(path) != name))
            File.Delete(old);
    }

    /// <summary>The server does not want there to be one.</summary>
    public void Remove()
    {
        File.Delete(Path.Combine(Folder, Record));
        if (Directory.Exists(Folder))
        {
            foreach (var old in Directory.EnumerateFiles(Folder, "bundle-*.ndjson"))
                File.Delete(old);
        }
    }

    public string Issuer => ServerAddress.Origin(key.Server) + "/";

    private static string NameOf(BundleStatement statement) => $"bundle-{statement.Serial}-{Convert.ToHexStringLower(statement.Hash.AsSpan(0, Math.Min(8, statement.Hash.Length)))}.ndjson";

    private static string FileOf(CopyRecord record) => Path.GetFileName(record.File);

    private static bool IsPrivate(string path) => OperatingSystem.IsWindows()
        || (File.GetUnixFileMode(path) & (UnixFileMode.GroupWrite | UnixFileMode.OtherWrite | UnixFileMode.OtherRead)) == 0;

    /// <summary>The line of a name, by halving: some twenty short reads in a file of 50 MB. Null: there is none.</summary>
    /// <exception cref="InvalidDataException">A line on the way is none.</exception>
    internal static byte[]? Find(string path, string username)
    {
        var wanted = Encoding.ASCII.GetBytes(username);
        using var file = File.OpenHandle(path);
        // Between these offsets, both of them starts of lines or the end.
        var (low, high) = (0L, RandomAccess.GetLength(file));
        while (low < high)
        {
            var middle = low + ((high - low) / 2);
            var start = StartOfNext(file, middle, high);
            // The last line of the stretch begins before the middle: from the low end on, one by one.
            if (start >= high)
                start = low;
            var line = ReadLine(file, start);
            var name = BundleLine.NameOf(line);
            if (name.IsEmpty)
                throw new InvalidDataException();
            var order = name.SequenceCompareTo(wanted);
            if (order == 0)
                return line;
            if (order < 0)
                low = start + line.Length + 1;
            else if (start == low)
                return null;
            else
                high = start;
        }

        return null;
    }

    /// <summary>Where the first line begins that begins after an offset; <paramref name="end"/> where none does before that.</summary>
    private static long StartOfNext(Microsoft.Win32.SafeHandles.SafeFileHandle file, long offset, long end)
    {
        Span<byte> block = stackalloc byte[Block];
        while (offset < end)
        {
            var read = RandomAccess.Read(file, block, offset);
            if (read == 0)
                return end;
            if (block[..read].IndexOf((byte)'\n') is var at and >= 0)
                return Math.Min(offset + at + 1, end);
            offset += read;
        }

        return end;
    }

    private static byte[] ReadLine(Microsoft.Win32.SafeHandles.SafeFileHandle file, long start)
    {
        using var line = new MemoryStream();
        Span<byte> block = stackalloc byte[Block];
        while (line.Length <= BundleLine.Longest)
        {
            var read = RandomAccess.Read(file, block, start + line.Length);
            if (read == 0)
                break;
            if (block[..read].IndexOf((byte)'\n') is var at and >= 0)
            {
                line.Write(block[..at]);
                return line.ToArray();
            }

            line.Write(block[..read]);
        }

        throw new InvalidDataException();
    }
}
