using System.Buffers.Binary;
using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using Activate.Identity.Core.SshCertificates;
using Activate.Identity.Core.SshKeys;
using Activate.Identity.Testing;

namespace Activate.Identity.EndToEnd.Tests.SshCertificates;

/// <summary>ssh-keygen reads our certificates, and verifies their signatures as it does, for every type of key that we take.</summary>
public sealed class CertificateKeygenTests : IDisposable
{
    private static readonly (string Type, string[] Options)[] s_made = [("ed25519", []), ("rsa", ["-b", "2048"]), ("ecdsa", ["-b", "256"]), ("ecdsa", ["-b", "384"]), ("ecdsa", ["-b", "521"])];
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("certificates-");
    private readonly string _keygen = Tools.Require("OpenSSH's client", "/usr/bin/ssh-keygen");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task Ssh_keygen_reads_a_certificate_of_every_type_as_it_was_meant()
    {
        using var authority = SshAuthority.Read(SshAuthority.Generate());
        var principal = new CertificatePrincipal("ada", Guid.CreateVersion7()).ToString();
        var types = new HashSet<string>();
        foreach (var key in await KeysAsync())
        {
            // Also where a number of the signature is short or needs a zero in front: each signature is another.
            for (var i = 0; i < 8; i++)
            {
                var line = Certificate(key, principal).Sign(authority, RandomNumberGenerator.GetBytes(SshCertificate.NonceLength));
                var text = await ReadAsync(line);
                Assert.Contains($"Type: {line.Split(' ')[0]} user certificate", text, StringComparison.Ordinal);
                Assert.Contains($"Public key: {Family(key)}-CERT {key.Fingerprint}", text, StringComparison.Ordinal);
                Assert.Contains($"Signing CA: ECDSA {SshAuthority.PublicKey(authority).Fingerprint} (using ecdsa-sha2-nistp256)", text, StringComparison.Ordinal);
                Assert.Contains("Key ID: \"ada 01993a52-7c1e-7b3a-9f04-3c5de2a1b870\"", text, StringComparison.Ordinal);
                Assert.Contains($"Serial: {long.MaxValue}", text, StringComparison.Ordinal);
                Assert.Contains("Valid: from 2026-11-25T12:00:00 to 2026-11-25T20:00:00", text, StringComparison.Ordinal);
                Assert.Equal([principal, .. SshCertificate.Extensions], text.Split('\n').Where(row => row.StartsWith("                ", StringComparison.Ordinal)).Select(row => row.Trim()));
                Assert.Contains("Critical Options: (none)", text, StringComparison.Ordinal);
            }

            types.Add(key.Algorithm);
        }

        Assert.Equal(7, types.Count);
    }

    [Fact]
    public async Task Ssh_keygen_refuses_it_with_one_bit_changed_and_we_read_its_certificates()
    {
        using var authority = SshAuthority.Read(SshAuthority.Generate());
        var key = (await KeysAsync())[0];
        var line = Certificate(key, "ada").Sign(authority, RandomNumberGenerator.GetBytes(SshCertificate.NonceLength));
        var blob = Convert.FromBase64String(line.Split(' ')[1]);
        blob[blob.AsSpan().IndexOf("ada"u8)] ^= 1;
        Assert.DoesNotContain("Type:", await ReadAsync($"{line.Split(' ')[0]} {Convert.ToBase64String(blob)}"), StringComparison.Ordinal);

        var ca = Path.Combine(_folder.FullName, "ca");
        await RunAsync("-q", "-t", "ed25519", "-N", "", "-f", ca);
        await RunAsync("-q", "-s", ca, "-I", "somebody", "-n", "ada,grace", "-z", "42", "-V", "20261125120000:20261125200000", Path.Combine(_folder.FullName, "key0.pub"));
        Assert.True(SshCertificate.TryRead(await File.ReadAllTextAsync(Path.Combine(_folder.FullName, "key0-cert.pub")), out var read));
        Assert.Equal(("somebody", 42, key.Fingerprint, "ada,grace"), (read.KeyId, read.Serial, read.Key.Fingerprint, string.Join(',', read.Principals)));
        Assert.Equal((new DateTime(2026, 11, 25, 12, 0, 0, DateTimeKind.Utc), TimeSpan.FromHours(8)), (read.ValidAfter, read.ValidBefore - read.ValidAfter));
    }

    private static SshCertificate Certificate(SshPublicKey key, string principal) => new()
    {
        Key = key, Serial = long.MaxValue, KeyId = "ada 01993a52-7c1e-7b3a-9f04-3c5de2a1b870", Principals = [principal],
        ValidAfter = new DateTime(2026, 11, 25, 12, 0, 0, DateTimeKind.Utc), ValidBefore = new DateTime(2026, 11, 25, 20, 0, 0, DateTimeKind.Utc),
    };

    private static string Family(SshPublicKey key) => key.Algorithm switch
    {
        "ssh-ed25519" => "ED25519",
        "ssh-rsa" => "RSA",
        "sk-ssh-ed25519@openssh.com" => "ED25519-SK",
        "sk-ecdsa-sha2-nistp256@openssh.com" => "ECDSA-SK",
        _ => "ECDSA",
    };

    /// <summary>One of each type; those of security keys have the fields of others, and what they sign for.</summary>
    private async Task<IReadOnlyList<SshPublicKey>> KeysAsync()
    {
        var lines = new List<string>();
        foreach (var (type, options) in s_made)
        {
            var file = Path.Combine(_folder.FullName, $"key{lines.Count}");
            await RunAsync(["-q", "-t", type, "-N", "", "-C", "", "-f", file, .. options]);
            lines.Add((await File.ReadAllTextAsync($"{file}.pub")).Trim());
        }

        lines.Add(SecurityKey("sk-ssh-ed25519@openssh.com", "ssh-ed25519", lines[0]));
        lines.Add(SecurityKey("sk-ecdsa-sha2-nistp256@openssh.com", "ecdsa-sha2-nistp256", lines[2]));
        return [.. lines.Select(line => SshPublicKey.Parse(line).TryGet(out var key, out var problem) ? key : throw new InvalidOperationException($"{problem.Code}: {line}"))];
    }

    private static string SecurityKey(string type, string plain, string line)
    {
        var fields = Convert.FromBase64String(line.Split(' ')[1]).AsSpan(4 + plain.Length);
        return $"{type} {Convert.ToBase64String([.. Text(type), .. fields, .. Text("ssh:")])}";

        static byte[] Text(string text)
        {
            var bytes = new byte[4 + text.Length];
            BinaryPrimitives.WriteInt32BigEndian(bytes, text.Length);
            Encoding.ASCII.GetBytes(text, bytes.AsSpan(4));
            return bytes;
        }
    }

    private async Task<string> ReadAsync(string line)
    {
        var file = Path.Combine(_folder.FullName, "read-cert.pub");
        await File.WriteAllTextAsync(file, line + "\n");
        return (await TryRunAsync("-L", "-f", file)).Output;
    }

    private async Task RunAsync(params string[] arguments)
    {
        var (code, output) = await TryRunAsync(arguments);
        Assert.True(code == 0, output);
    }

    private async Task<(int Code, string Output)> TryRunAsync(params string[] arguments)
    {
        var start = new ProcessStartInfo(_keygen, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        start.Environment["TZ"] = "UTC";
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        return (process.ExitCode, await output + await error);
    }
}
