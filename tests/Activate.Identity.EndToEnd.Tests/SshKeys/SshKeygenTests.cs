using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Activate.Identity.Core.SshKeys;
using Activate.Identity.Testing;

namespace Activate.Identity.EndToEnd.Tests.SshKeys;

/// <summary>Our parser beside ssh-keygen's: it may be stricter, never laxer, and both name a key alike.</summary>
public sealed partial class SshKeygenTests
{
    private const int Seed = 20261125;
    private const int PerFile = 5_000;

    private static readonly string[] s_types =
        ["ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com", "ssh-dss"];

    [Fact]
    [Trait("Case", "S7")]
    [Trait("Case", "B11")]
    public async Task Whatever_we_take_ssh_keygen_takes_as_the_same_key()
    {
        var keygen = Tools.Require("OpenSSH's client", "/usr/bin/ssh-keygen");
        var folder = Directory.CreateTempSubdirectory("keygen-");
        var keys = await KeysAsync(keygen, folder.FullName);
        var random = new Random(Seed);
        var (ours, theirs, both, total) = (new Dictionary<string, int>(), 0, 0, Tools.FullSize ? 100_000 : 3_000);
        for (var done = 0; done < total; done += PerFile)
        {
            var lines = Enumerable.Range(0, Math.Min(PerFile, total - done)).Select(i => $"{Mutate(keys[random.Next(keys.Count)], random)} m{i}").ToList();
            var file = Path.Combine(folder.FullName, "mutants");
            await File.WriteAllTextAsync(file, string.Join('\n', lines) + "\n", new UTF8Encoding(false), TestContext.Current.CancellationToken);
            var judged = await JudgeAsync(keygen, file);
            theirs += judged.Count;
            for (var i = 0; i < lines.Count; i++)
            {
                var result = SshPublicKey.Parse(lines[i]);
                var verdict = result.TryGet(out var key, out var problem) ? "taken" : problem.Code;
                ours[verdict] = ours.GetValueOrDefault(verdict) + 1;
                if (key is null)
                    continue;
                Assert.True(judged.TryGetValue(i, out var fingerprint), $"We take what ssh-keygen refuses: {lines[i]}");
                Assert.Equal(fingerprint, key.Fingerprint);
                both++;
            }
        }

        TestContext.Current.TestOutputHelper?.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{total} judged, seed {Seed}. ssh-keygen takes {theirs}, we {both}: {string.Join(", ", ours.OrderByDescending(verdict => verdict.Value).Select(verdict => $"{verdict.Key} {verdict.Value}"))}"));
        // A parser that refuses everything would pass, and so would a judge that answers nothing.
        Assert.InRange(both, total / 50, total / 2);
        Assert.InRange(theirs, both, total);
        folder.Delete(recursive: true);
    }

    /// <summary>Line number → fingerprint of each line that ssh-keygen takes: it skips the others.</summary>
    private static async Task<Dictionary<int, string>> JudgeAsync(string keygen, string file)
    {
        using var process = Process.Start(new ProcessStartInfo(keygen, ["-l", "-f", file]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var error = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        await error;
        return output.Split('\n').Select(line => Judged().Match(line)).Where(match => match.Success)
            .ToDictionary(match => int.Parse(match.Groups["line"].Value, CultureInfo.InvariantCulture), match => match.Groups["fingerprint"].Value);
    }

    [GeneratedRegex(@"^\d+ (?<fingerprint>SHA256:\S+) .*\bm(?<line>\d+) \([^()]*\)$")]
    private static partial Regex Judged();

    private static async Task<List<Key>> KeysAsync(string keygen, string folder)
    {
        var keys = new List<Key>();
        foreach (var (type, bits) in ((string, string)[])[("ed25519", "256"), ("ed25519", "256"), ("rsa", "2048"), ("rsa", "3072"), ("rsa", "1024"), ("ecdsa", "256"), ("ecdsa", "384"), ("ecdsa", "521"), ("dsa", "1024")])
        {
            var file = Path.Combine(folder, $"{type}-{bits}-{keys.Count}");
            using var process = Process.Start(new ProcessStartInfo(keygen, ["-q", "-t", type, "-b", bits, "-N", "", "-C", "ada@laptop", "-f", file]) { RedirectStandardError = true })!;
            await process.WaitForExitAsync();
            if (process.ExitCode != 0)
                // Newer ones make no DSA keys any more.
                continue;
            var parts = (await File.ReadAllTextAsync($"{file}.pub")).Trim().Split(' ', 3);
            var key = new Key(parts[0], Fields(Convert.FromBase64String(parts[1])), parts[2]);
            keys.Add(key);
            if (key.Type == "ssh-ed25519")
                keys.Add(Security("sk-ssh-ed25519@openssh.com", key));
            if (key.Type == "ecdsa-sha2-nistp256")
                keys.Add(Security("sk-ecdsa-sha2-nistp256@openssh.com", key));
        }

        return keys;

        static Key Security(string type, Key key) => new(type, [Encoding.ASCII.GetBytes(type), .. key.Fields[1..], "ssh:"u8.ToArray()], key.Comment);
    }

    private static string Mutate(Key key, Random random)
    {
        var (type, fields, comment) = (key.Type, key.Fields.Select(field => field.ToArray()).ToList(), key.Comment);
        var before = "";
        byte[]? blob = null;
        Func<string, string> text = base64 => base64;
        for (var times = random.Next(10) == 0 ? 2 : 1; times > 0; times--)
        {
            switch (random.Next(19))
            {
                case 0:
                    break;
                case 1:
                    blob ??= Blob(fields);
                    for (var flips = 1 + random.Next(3); flips > 0 && blob.Length > 0; flips--)
                        blob[random.Next(blob.Length)] ^= (byte)(1 << random.Next(8));
                    break;
                case 2:
                    blob ??= Blob(fields);
                    var at = 0;
                    for (var skip = random.Next(fields.Count); skip > 0; skip--)
                        at += 4 + fields[skip].Length;
                    if (at + 4 <= blob.Length)
                        BinaryPrimitives.WriteUInt32BigEndian(blob.AsSpan(at), random.GetItems<uint>([0, 1, 2, 31, 32, 33, 64, 65, 255, 256, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, (uint)blob.Length], 1)[0]);
                    break;
                case 3:
                    blob = (blob ?? Blob(fields))[..random.Next((blob ?? Blob(fields)).Length)];
                    break;
                case 4:
                    blob = [.. blob ?? Blob(fields), .. RandomBytes(random, 1 + random.Next(8))];
                    break;
                case 5:
                    fields.Insert(random.Next(fields.Count + 1), fields[random.Next(fields.Count)]);
                    break;
                case 6:
                    fields.RemoveAt(random.Next(fields.Count));
                    if (fields.Count == 0)
                        fields.Add([]);
                    break;
                case 7:
                    var (a, b) = (random.Next(fields.Count), random.Next(fields.Count));
                    (fields[a], fields[b]) = (fields[b], fields[a]);
                    break;
                case 8:
                    type = s_types[random.Next(s_types.Length)];
                    break;
                case 9:
                    type = s_types[random.Next(s_types.Length)];
                    fields[0] = Encoding.ASCII.GetBytes(type);
                    break;
                case 10:
                    var last = fields[^1];
                    fields[^1] = random.Next(4) switch { 0 => [0, .. last], 1 => last.Length > 1 ? last[1..] : last, 2 => [.. last, 0], _ => [0x80, .. last] };
                    break;
                case 11:
                    var one = random.Next(fields.Count);
                    fields[one] = RandomBytes(random, fields[one].Length);
                    break;
                case 12:
                    var point = fields[^1];
                    if (point.Length > 2)
                        point[0] = random.GetItems<byte>([0, 2, 3, 4, 5, 6, 7], 1)[0];
                    break;
                case 13:
                    text = base64 => base64.Length == 0 ? base64 : base64.Remove(random.Next(base64.Length), 1);
                    break;
                case 14:
                    text = base64 => base64.Insert(random.Next(base64.Length + 1), random.GetItems(["=", "==", "-", "_", " ", "A", "\t", ",", "\"", "é"], 1)[0]);
                    break;
                case 15:
                    text = base64 => random.Next(2) == 0 ? base64.TrimEnd('=') : base64 + random.GetItems(["=", "==", "A", "/"], 1)[0];
                    break;
                case 16:
                    before = random.GetItems(["restrict ", "command=\"id\" ", "cert-authority ", "\t", "  ", "#", "@revoked * ", "from=\"a b\" ", "\uFEFF"], 1)[0];
                    break;
                case 17:
                    comment = random.GetItems(["", "two words", "a\tb", "a\u000bb", "a\u202eb", "日本", new string('c', 200), "\"", "a\u0007"], 1)[0];
                    break;
                default:
                    fields[random.Next(fields.Count)] = [];
                    break;
            }
        }

        return $"{before}{type} {text(Convert.ToBase64String(blob ?? Blob(fields)))} {comment}";
    }

    private static byte[] Blob(List<byte[]> fields)
    {
        using var blob = new MemoryStream();
        var length = new byte[4];
        foreach (var field in fields)
        {
            BinaryPrimitives.WriteInt32BigEndian(length, field.Length);
            blob.Write(length);
            blob.Write(field);
        }

        return blob.ToArray();
    }

    private static List<byte[]> Fields(ReadOnlySpan<byte> blob)
    {
        var fields = new List<byte[]>();
        while (!blob.IsEmpty)
        {
            var length = BinaryPrimitives.ReadInt32BigEndian(blob);
            fields.Add(blob.Slice(4, length).ToArray());
            blob = blob[(4 + length)..];
        }

        return fields;
    }

    private static byte[] RandomBytes(Random random, int length)
    {
        var bytes = new byte[length];
        random.NextBytes(bytes);
        return bytes;
    }

    private sealed record Key(string Type, List<byte[]> Fields, string Comment);
}
