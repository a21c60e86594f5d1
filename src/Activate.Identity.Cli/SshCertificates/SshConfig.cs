using System.Text;
using Activate.Identity.Cli.Output;
using Activate.Identity.Core.Clusters;

namespace Activate.Identity.Cli.SshCertificates;

/// <summary>What ssh is told: the same on its command line and in its configuration (ssh_config(5)).</summary>
internal static class SshConfig
{
    /// <summary>IdentitiesOnly, so that keys of an agent do not use up sshd's patience first.</summary>
    public static IReadOnlyList<string> Options(CertificateFiles files) =>
        [$"IdentityFile={Quoted(files.KeyPath)}", $"CertificateFile={Quoted(files.CertificatePath)}", "IdentitiesOnly=yes"];

    /// <summary>A block for a file: when its host is meant, actid renews the certificate first.</summary>
    /// <param name="id">The cluster.</param>
    /// <param name="name">What people call it; also an alias where it can be one.</param>
    /// <param name="address">Where people log in.</param>
    /// <param name="account">The Unix account there.</param>
    /// <param name="files">Where the certificate will be.</param>
    /// <param name="context">The context that was named; null: whichever is the current one.</param>
    /// <param name="server">The server that was named; null: that of the context.</param>
    public static string Block(Guid id, string name, string address, string account, CertificateFiles files, string? context, string? server)
    {
        var hosts = ClusterAddress.Parse(name).TryGet(out var alias, out _) && alias != address ? $"{address},{alias}" : address;
        var options = $"{(context is null ? "" : $" --context {context}")}{(server is null ? "" : $" --server {server}")}";
        var block = new StringBuilder()
            .Append("# ").Append(SafeText.OneLine(name)).Append(": written by actid ssh-config\n")
            .Append("Match originalhost ").Append(hosts).Append(" exec \"actid ssh-cert ").Append(id).Append(options.Replace("%", "%%", StringComparison.Ordinal)).Append("\"\n")
            .Append("    HostName=").Append(address).Append('\n')
            .Append("    User=").Append(account);
        foreach (var option in Options(files))
            block.Append("\n    ").Append(option);
        return block.ToString();
    }

    /// <summary>A path may hold blanks, and a per cent sign, which ssh takes for a token.</summary>
    private static string Quoted(string path) => $"\"{path.Replace("%", "%%", StringComparison.Ordinal)}\"";
}
