using System.CommandLine;
using System.Text;
using Activate.Identity.Cli.Output;
using Activate.Identity.Cli.Servers;
using Activate.Identity.Core.SshKeys;

namespace Activate.Identity.Cli.SshKeys;

/// <summary><c>actid ssh-key list | add | delete</c>: the public keys with which you log in to clusters.</summary>
internal static class SshKeyCommands
{
    private const string Path = "/ssh-keys";

    /// <summary>More than the longest line that sshd reads; a larger file is something else.</summary>
    private const int LargestFile = 64 * 1024;

    /// <summary>Where OpenSSH keeps the public half, in the order in which ssh tries the private one's kinds, the best first.</summary>
    private static readonly string[] s_usual = ["id_ed25519.pub", "id_ecdsa.pub", "id_ed25519_sk.pub", "id_ecdsa_sk.pub", "id_rsa.pub"];

    public static Command Create(Actid actid) => actid.Group("ssh-key", "SSH public keys, with which you log in to clusters",
        ["actid ssh-key list", "actid ssh-key add laptop"],
        actid.Command("list", "List your SSH keys, with their fingerprints and ends", ["actid ssh-key list", "actid ssh-key list -o json"], [],
            (call, cancellation) => Lists.ShowAsync(call, Path, "No SSH keys yet. Add one: actid ssh-key add NAME",
                ["ID", "NAME", "TYPE", "FINGERPRINT", "EXPIRES", "LAST USED", "STATE"], ApiJson.Default.SshKeyItem, Row, cancellation)),
        Add(actid),
        Deletion.Command(actid, "the SSH key", Path, "Delete an SSH key", "No cluster lets anybody in with it from the next login on.",
            "actid ssh-key delete 01993a52-7c1e-7b3a-9f04-3c5de2a1b870"));

    private static string[] Row(SshKeyItem item, DateTimeOffset now) =>
    [
        item.Id ?? "", item.Name ?? "", item.Algorithm ?? "", item.Fingerprint ?? "", Times.Full(item.ExpiresAt, now, "never"),
        Times.Full(item.LastUsedAt, now, "not known") + (item.LastUsedFrom is null ? "" : $" from {item.LastUsedFrom}") + (item.LastUsedOn is null ? "" : $" on {item.LastUsedOn}"), item.State ?? "",
    ];

    private static Command Add(Actid actid)
    {
        var name = new Argument<string>("NAME") { Description = "A unique name, such as that of the device the key is on" };
        var file = new Option<string?>("--file", "-f") { Description = "The .pub file; - is stdin [default: stdin if it is no terminal, else the first of ~/.ssh/id_*.pub]", HelpName = "PATH" };
        var days = new Option<int?>("--days") { Description = "After how many days it ends [default: what your organization's policy says]", HelpName = "N" };
        return actid.Command("add",
            "Add an SSH public key\nThe file is looked at before anything is sent: a private key never leaves this machine.",
            ["actid ssh-key add laptop", "actid ssh-key add laptop --file ~/.ssh/id_ed25519.pub --days 90", "ssh-keygen -y -f key | actid ssh-key add laptop"],
            [name, file, days],
            async (call, cancellation) =>
            {
                var (text, source) = await ReadAsync(call, call.Get(file), cancellation);
                if (!SshPublicKey.Parse(text).TryGet(out var key, out var problem))
                {
                    if (problem.Code != "ssh_private_key")
                        throw Failure.Usage($"{problem.Detail} ({problem.Code})", "Nothing was sent.");
                    throw Failure.Usage($"This is a PRIVATE key. Nothing was sent: it stays on this machine. ({problem.Code})",
                        source is not null && File.Exists($"{source}.pub") ? $"The public key is in {source}.pub." : "Add the public half, the file that ends in .pub; 'ssh-keygen -y -f KEY' prints it.");
                }

                using var api = call.Connect();
                var answer = await api.DoAsync(HttpMethod.Post, Path, json =>
                {
                    json.WriteString("name", call.Get(name));
                    json.WriteString("publicKey", key.Text);
                    if (call.Get(days) is { } wish)
                        json.WriteNumber("expiresInDays", wish);
                }, cancellation);
                var added = api.Understand(answer.Body, ApiJson.Default.SshKeyItem);
                if (call.Json)
                    call.Show(JsonText.Indent(answer.Body));
                call.Say($"Added the SSH key '{added.Name}', {added.Fingerprint}. It {(added.ExpiresAt is { } end ? $"ends {Times.Full(end, call.Now)}" : "never ends")}.");
                call.Say("You can now log in to any active cluster: ssh -i PRIVATE-KEY USERNAME@ADDRESS");
                return ExitCodes.Done;
            });
    }

    /// <summary>The text, and the file that it came from.</summary>
    private static async Task<(string Text, string? Source)> ReadAsync(Call call, string? file, CancellationToken cancellation)
    {
        if (file == "-" || (file is null && !call.Around.InIsTerminal))
            return (await ReadAsync(call.Around.In, cancellation), null);
        if (file is null)
        {
            var home = call.Around.Setting("HOME") ?? Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
            file = s_usual.Select(candidate => System.IO.Path.Combine(home, ".ssh", candidate)).FirstOrDefault(File.Exists)
                ?? throw Failure.Usage("There is no public key in ~/.ssh. Make a pair with 'ssh-keygen -t ed25519', or name the file with --file.");
            call.Say($"Adding {file}");
        }

        try
        {
            using var reader = new StreamReader(file, Encoding.UTF8);
            return (await ReadAsync(reader, cancellation), file);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            throw Failure.Usage($"--file: {problem.Message}");
        }
    }

    private static async Task<string> ReadAsync(TextReader reader, CancellationToken cancellation)
    {
        var buffer = new char[LargestFile + 1];
        var length = await reader.ReadBlockAsync(buffer, cancellation);
        return length <= LargestFile ? new string(buffer, 0, length) : throw Failure.Usage("That is far too long to be a public key. Nothing was sent.");
    }
}
