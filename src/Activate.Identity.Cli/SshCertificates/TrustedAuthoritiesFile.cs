using System.Net;
using System.Text;
using Activate.Identity.Cli.Contexts;
using Activate.Identity.Cli.Servers;
using Activate.Identity.Cli.SshKeys;
using Activate.Identity.Core.SshCertificates;

namespace Activate.Identity.Cli.SshCertificates;

/// <summary>
/// The authorities that a cluster's sshd trusts, on the cluster's own host:
/// <code>
///  /etc/actid/               root, not writable by others     ($ACTID_CONFIG_DIR where it is set)
///    trusted-ca       0644   root                             <see cref="TrustedAuthorities"/>; no secret
/// </code>
/// Whoever can change it can log in as anybody: with other modes it is not used, and nothing is put right silently.
/// </summary>
internal static class TrustedAuthoritiesFile
{
    public const string Name = "trusted-ca";
    private const int LargestFile = 64 * 1024;
    private const UnixFileMode ReadByAll = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead;
    private const UnixFileMode ChangedByOthers = UnixFileMode.GroupWrite | UnixFileMode.OtherWrite;

    public static string PathOf(Surroundings around) => Path.Combine(ClusterKey.FolderOf(around), Name);

    public static TrustedAuthorities Read(Surroundings around)
    {
        var path = PathOf(around);
        if (!File.Exists(path))
            throw Failure.Usage($"There is no {path}. Fetch it as root: actid ssh-ca pull");
        if (!OperatingSystem.IsWindows() && ((File.GetUnixFileMode(path) | File.GetUnixFileMode(Path.GetDirectoryName(path)!)) & ChangedByOthers) != 0)
            throw Failure.Usage($"{path} may be changed by others, so it is not used. Put that right: chmod go-w '{path}' '{Path.GetDirectoryName(path)}'");
        return TrustedAuthorities.TryRead(ReadText(path), out var authorities) ? authorities : throw Failure.Failed($"{path} is damaged. Fetch it anew as root: actid ssh-ca pull");
    }

    /// <summary>Fetches what the server says, and writes it where it is news. Whatever goes wrong, what was there stays: sshd goes on trusting what it trusted.</summary>
    /// <returns>What is trusted, and whether that is news.</returns>
    public static async Task<(TrustedAuthorities Authorities, bool Changed)> PullAsync(Surroundings around, CredentialInUse key, CancellationToken cancellation)
    {
        var (text, authorities) = await FetchAsync(around, key, cancellation);
        var path = PathOf(around);
        if (File.Exists(path) && ReadText(path) == text)
            return (authorities, false);
        PrivateFiles.Replace(path, text, ReadByAll);
        return (authorities, true);
    }

    /// <summary>What the file is to hold.</summary>
    public static async Task<(string Text, TrustedAuthorities Authorities)> FetchAsync(Surroundings around, CredentialInUse key, CancellationToken cancellation)
    {
        using var wire = new Wire(key.Server, around.Time);
        using var request = wire.Request(HttpMethod.Get, $"{ApiClient.Root}/ssh-certificate-authorities", key.Secret, "text/plain");
        var answer = await wire.SendAsync(request, cancellation);
        if (answer.Status != HttpStatusCode.OK)
            throw Refusal.Of(answer, key.Server);
        var text = answer.Body.Length <= LargestFile && Encoding.UTF8.GetString(answer.Body) is var read ? read : "";
        if (answer.MediaType != "text/plain" || !TrustedAuthorities.TryRead(text, out var authorities))
            throw Failure.Failed($"{ServerAddress.Origin(key.Server)} answered with something else than certificate authorities. Nothing was changed.");
        return (text, authorities);
    }

    private static string ReadText(string path)
    {
        using var reader = new StreamReader(path, Encoding.UTF8);
        var buffer = new char[LargestFile];
        return new string(buffer, 0, reader.ReadBlock(buffer, 0, buffer.Length));
    }
}
