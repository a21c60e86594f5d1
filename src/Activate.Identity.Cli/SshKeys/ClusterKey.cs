using System.Text;
using Activate.Identity.Cli.Contexts;
using Activate.Identity.Cli.Servers;

namespace Activate.Identity.Cli.SshKeys;

/// <summary>
/// The API key of this cluster, on the cluster's own host:
/// <code>
///  /etc/actid/               root, not writable by others     ($ACTID_CONFIG_DIR where it is set: sshd wipes the environment, so for tests and trials)
///    cluster-key      0640   root:actid                       one line, the key that registering the cluster showed; it names its server itself
/// </code>
/// Whoever can change the file decides who may log in, and whoever can read it can ask for keys: with other modes it is not used, and nothing is put right silently.
/// </summary>
internal static class ClusterKey
{
    public const string Folder = "/etc/actid";
    public const string File = "cluster-key";
    private const int LargestFile = 4096;

    public static string FolderOf(Surroundings around) => around.Setting("ACTID_CONFIG_DIR") ?? Folder;

    public static CredentialInUse Read(Surroundings around)
    {
        var path = Path.Combine(FolderOf(around), File);
        if (!System.IO.File.Exists(path))
            throw Failure.Usage($"There is no {path}. It holds the API key that registering this cluster showed.");
        RequirePrivate(path);
        using var reader = new StreamReader(path, Encoding.ASCII);
        var buffer = new char[LargestFile];
        var length = reader.ReadBlock(buffer, 0, buffer.Length);
        return CredentialInUse.OfSecret(new string(buffer, 0, length), path, StoredContext.ApiKey, named: null);
    }

    /// <summary>Asks the server what sshd asks us, in the time that a login can wait.</summary>
    /// <returns>Whatever it answered; or null, and what kept it from answering.</returns>
    public static async Task<(Answer? Answer, Failure? Outage)> AskAsync(Surroundings around, CredentialInUse key, string path, TimeSpan within, CancellationToken cancellation)
    {
        using var deadline = new CancellationTokenSource(within);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, deadline.Token);
        using var wire = new Wire(key.Server, around.Time);
        using var request = wire.Request(HttpMethod.Get, ApiClient.Root + path, key.Secret, "application/json");
        try
        {
            return (await wire.SendAsync(request, either.Token), null);
        }
        catch (OperationCanceledException) when (deadline.IsCancellationRequested && !cancellation.IsCancellationRequested)
        {
            return (null, Failure.Failed($"{ServerAddress.Origin(key.Server)} did not answer in time."));
        }
        catch (HttpRequestException problem)
        {
            return (null, Failure.Failed($"{ServerAddress.Origin(key.Server)} cannot be reached: {problem.GetBaseException().Message}"));
        }
    }

    private static void RequirePrivate(string path)
    {
        if (OperatingSystem.IsWindows())
            return;
        if ((System.IO.File.GetUnixFileMode(path) & (UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute | UnixFileMode.GroupWrite)) != 0)
            throw Failure.Usage($"{path} may be read or changed by others, so it is not used. Make it private: chmod 0640 '{path}'");
        if ((System.IO.File.GetUnixFileMode(Path.GetDirectoryName(path)!) & (UnixFileMode.OtherWrite | UnixFileMode.GroupWrite)) != 0)
            throw Failure.Usage($"{Path.GetDirectoryName(path)} may be changed by others, so what is in it is not used. Put that right: chmod go-w '{Path.GetDirectoryName(path)}'");
    }
}
