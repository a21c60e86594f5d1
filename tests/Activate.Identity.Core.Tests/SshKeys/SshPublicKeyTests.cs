using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using System.Security.Cryptography;
using System.Text;
using Activate.Identity.Core.SshKeys;

namespace Activate.Identity.Core.Tests.SshKeys;

public sealed class SshPublicKeyTests
{
    private static readonly (string Outcome, string Line)[] s_vectors = [.. File.ReadLines(Path.Combine(AppContext.BaseDirectory, "SshKeys", "ssh-keygen.txt"))
        .Where(line => !line.StartsWith('#')).Select(line => line.Split('\t')).Select(parts => (parts[0], parts[1]))];

    private static string Ed25519 => s_vectors[0].Line;

    [Fact]
    [Trait("Case", "S9")]
    public void What_ssh_keygen_makes_of_every_type_is_read_as_it_reads_it()
    {
        var types = new HashSet<string>();
        foreach (var (outcome, line) in s_vectors.Where(vector => char.IsAsciiDigit(vector.Outcome[0])))
        {
            Assert.True(SshPublicKey.Parse(line).TryGet(out var key, out var problem), $"{line}: {problem?.Code}");
            Assert.Equal(outcome, $"{key.Bits} {key.Fingerprint}");
            Assert.Equal((line, line.Split(' ')[0], line.Split(' ', 3)[2]), (key.Text, key.Algorithm, key.Comment));
            Assert.Equal(Convert.FromBase64String(line.Split(' ')[1]), key.Blob);
            types.Add(key.Algorithm);
            var bare = string.Join(' ', line.Split(' ')[..2]);
            Assert.Equal(bare, Accept(bare).Text);
            Assert.Equal(line, Accept($" \t\r\n{line}\r\n").Text);
        }

        Assert.Equal(SshKeyBlob.Types.Order(), types.Order());
    }

    [Fact]
    [Trait("Case", "S6")]
    [Trait("Case", "S8")]
    [Trait("Case", "S9")]
    public void Weak_keys_old_types_and_certificates_of_ssh_keygen_are_refused()
    {
        var refused = s_vectors.Where(vector => !char.IsAsciiDigit(vector.Outcome[0])).ToList();
        Assert.Equal(3, refused.Count);
        Assert.All(refused, vector => Refuse(vector.Line, vector.Outcome));
        Refuse(Line("ssh-rsa", [1, 0, 1], Number(2047)), "ssh_key_too_weak");
        Refuse(Line("ssh-rsa", [1, 0, 1], Number(8193)), "ssh_key_too_long");
        Refuse(Line("ssh-rsa", [1, 0, 1], Number(16384)), "ssh_key_too_long");
        Accept(Line("ssh-rsa", [1, 0, 1], Number(2048)));
        Accept(Line("ssh-rsa", [3], Number(8192)));
    }

    [Theory]
    [Trait("Case", "S9")]
    [InlineData("ssh-mldsa44-ed25519@openssh.com")]
    [InlineData("ssh-ed448")]
    [InlineData("ssh-dss")]
    [InlineData("ecdsa-sha2-nistp224")]
    [InlineData("ecdsa-sha2-nistk163")]
    [InlineData("sk-ssh-ed25519")]
    [InlineData("ssh-ed25519@openssh.com")]
    [InlineData("ssh-xmss@openssh.com")]
    public void Other_types_are_refused_by_the_allow_list(string type) => Refuse($"{type} {Ed25519.Split(' ')[1]} x", "ssh_key_type");

    [Theory]
    [Trait("Case", "S6")]
    [InlineData("---- BEGIN SSH2 PUBLIC KEY ----\nComment: \"x\"\nAAAA\n---- END SSH2 PUBLIC KEY ----", "ssh_key_format")]
    [InlineData("-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----", "ssh_key_format")]
    [InlineData("-----BEGIN RSA PUBLIC KEY-----\nMIIB\n-----END RSA PUBLIC KEY-----", "ssh_key_format")]
    [InlineData("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----", "ssh_key_format")]
    [InlineData("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQEN\n-----END PGP PUBLIC KEY BLOCK-----", "ssh_key_format")]
    [InlineData("""{"kty":"OKP","crv":"Ed25519","x":"abc"}""", "ssh_key_format")]
    [InlineData("<RSAKeyValue><Modulus>x</Modulus></RSAKeyValue>", "ssh_key_format")]
    [InlineData("""{"kty":"OKP","crv":"Ed25519","x":"abc","d":"def"}""", "ssh_private_key")]
    [InlineData("""{ "k" : "def", "kty" : "oct" }""", "ssh_private_key")]
    [InlineData("<RSAKeyValue><Modulus>x</Modulus><D>y</D></RSAKeyValue>", "ssh_private_key")]
    [InlineData("-----BEGIN OPENSSH PRIVATE KEY-----\nx", "ssh_private_key")]
    [InlineData("-----BEGIN PRIVATE KEY-----", "ssh_private_key")]
    [InlineData("-----BEGIN ENCRYPTED PRIVATE KEY-----", "ssh_private_key")]
    [InlineData("-----BEGIN EC PRIVATE KEY-----", "ssh_private_key")]
    [InlineData("-----BEGIN DSA PRIVATE KEY-----", "ssh_private_key")]
    [InlineData("-----begin rsa private key-----", "ssh_private_key")]
    [InlineData("ssh-ed25519 AAAA -----BEGIN RSA PRIVATE KEY-----", "ssh_private_key")]
    [InlineData("PuTTY-User-Key-File-2: ssh-rsa", "ssh_private_key")]
    [InlineData("putty-user-key-file-3: ssh-ed25519", "ssh_private_key")]
    [InlineData("SSH PRIVATE KEY FILE FORMAT 1.1", "ssh_private_key")]
    [InlineData("-----BEGIN PGP PRIVATE KEY BLOCK-----", "ssh_private_key")]
    [InlineData("b3BlbnNzaC1rZXktdjEAAAAABG5vbmU", "ssh_private_key")]
    [InlineData("ssh-ed25519 b3BlbnNzaC1rZXktdjEAAAAABG5vbmU", "ssh_private_key")]
    [InlineData("AGE-SECRET-KEY-1ABC", "ssh_private_key")]
    [InlineData("SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU", "ssh_key_malformed")]
    [InlineData("AAAAC3NzaC1lZDI1NTE5AAAAIDRZcjxiT76a1oiCeL9fEOLoX", "ssh_key_malformed")]
    [InlineData("", "public_key_required")]
    [InlineData(" \n ", "public_key_required")]
    [InlineData(null, "public_key_required")]
    public void Other_formats_are_told_apart(string? text, string code) => Refuse(text, code);

    [Fact]
    [Trait("Case", "S6")]
    public void Whatever_a_private_key_is_wrapped_in_no_word_of_it_comes_back()
    {
        using var rsa = RSA.Create(2048);
        using var ec = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        foreach (var pem in (string[])[rsa.ExportRSAPrivateKeyPem(), rsa.ExportPkcs8PrivateKeyPem(), ec.ExportECPrivateKeyPem(), ec.ExportPkcs8PrivateKeyPem()])
        {
            foreach (var text in (string[])[pem, pem.ReplaceLineEndings(" "), pem.ReplaceLineEndings("\r\n"), $"{Ed25519}\n{pem}", $"here it is: {pem} thanks", new string('x', 100_000) + pem])
            {
                var problem = SshPublicKey.Parse(text).Problem!;
                Assert.Equal("ssh_private_key", problem.Code);
                Assert.DoesNotContain(pem.Split('\n')[1][..16], problem.ToString(), StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    [Trait("Case", "S6")]
    public void The_body_of_a_private_key_without_its_first_line_is_known_for_what_it_is()
    {
        using var rsa = RSA.Create(2048);
        using var ec = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var protection = new PbeParameters(PbeEncryptionAlgorithm.Aes256Cbc, HashAlgorithmName.SHA256, 1000);
        byte[][] keys =
        [
            rsa.ExportRSAPrivateKey(), rsa.ExportPkcs8PrivateKey(), ec.ExportECPrivateKey(), ec.ExportPkcs8PrivateKey(),
            rsa.ExportEncryptedPkcs8PrivateKey("x", protection), ec.ExportEncryptedPkcs8PrivateKey("x", protection),
            rsa.ExportEncryptedPkcs8PrivateKey("x", new PbeParameters(PbeEncryptionAlgorithm.TripleDes3KeyPkcs12, HashAlgorithmName.SHA1, 1000)),
            // A key of ed25519 (RFC 8410 §7), which .NET does not make.
            [.. Convert.FromHexString("302e020100300506032b657004220420"), .. new byte[32]],
        ];
        foreach (var key in keys)
        {
            var body = Convert.ToBase64String(key);
            foreach (var text in (string[])[body, string.Join('\n', body.Chunk(64).Select(line => new string(line))), $"here: {body}", $"ssh-rsa {body}", $"\"{body}\""])
                Refuse(text, "ssh_private_key");
        }

        // The public halves are another format, no more.
        Refuse(Convert.ToBase64String(rsa.ExportSubjectPublicKeyInfo()), "ssh_key_malformed");
        Refuse(Convert.ToBase64String(rsa.ExportRSAPublicKey()), "ssh_key_malformed");
        Refuse(Convert.ToBase64String(ec.ExportSubjectPublicKeyInfo()), "ssh_key_malformed");
    }

    [Theory]
    [Trait("Case", "S2")]
    [InlineData("command=\"/bin/sh\" ")]
    [InlineData("command=\"say \\\"ssh-rsa\\\"\" ")]
    [InlineData("environment=\"A=b\",restrict ")]
    [InlineData("cert-authority ")]
    [InlineData("cert-authority,principals=\"root\" ")]
    [InlineData("from=\"*\" ")]
    [InlineData("permitopen=\"*:*\"\t")]
    [InlineData("restrict\t")]
    [InlineData("* ")]
    [InlineData("host.example.test ")]
    [InlineData("\"")]
    [InlineData("\uFEFF")]
    public void Whatever_stands_before_the_type_is_refused(string before) => Refuse(before + Ed25519, "ssh_key_options");

    [Theory]
    [Trait("Case", "S1")]
    [InlineData("\n")]
    [InlineData("\r")]
    [InlineData("\v")]
    [InlineData("\f")]
    [InlineData("\0")]
    [InlineData("\t")]
    [InlineData("\u0085")]
    [InlineData("\u2028")]
    [InlineData("\u2029")]
    [InlineData("\u200B")]
    [InlineData("\u202E")]
    [InlineData("\uD800")]
    public void Nothing_unprintable_is_anywhere_in_a_key(string odd)
    {
        var other = s_vectors[1].Line;
        var (type, blob) = (Ed25519.Split(' ')[0], Ed25519.Split(' ')[1]);
        foreach (var text in (string[])[$"{type} {blob} a{odd}b", $"{type} {blob} a{odd}{other}", $"{type} {blob}{odd}{other}", $"{type}{odd}{blob} x", $"{type} {blob[..20]}{odd}{blob[20..]} x", $"a{odd}{other}"])
            Assert.True(SshPublicKey.Parse(text).Problem is not null, $"taken: {text}");
    }

    [Fact]
    public void A_comment_is_printable_and_short()
    {
        var bare = string.Join(' ', Ed25519.Split(' ')[..2]);
        Assert.Equal("Ada's key #1 \"quoted\" = ä 日本 🎉", Accept($"{bare}   Ada's key #1 \"quoted\" = ä 日本 🎉  ").Comment);
        Accept($"{bare} {new string('c', 128)}");
        Refuse($"{bare} {new string('c', 129)}", "ssh_key_comment");
        Refuse($"{bare} a\u202Eb", "ssh_key_comment");
        Assert.Equal("", Accept($"{bare} ").Comment);
        Refuse($"{bare} {new string('c', 9000)}", "ssh_key_too_long");
    }

    [Fact]
    [Trait("Case", "S7")]
    public void Base64_is_canonical_or_refused()
    {
        var blob = Ed25519.Split(' ')[1];
        var padded = s_vectors[5].Line.Split(' ')[1];
        Assert.EndsWith("=", padded, StringComparison.Ordinal);
        foreach (var wrong in (string[])[blob[..^1], blob + "=", blob + "==", blob + "A", blob.Replace('/', '_'), blob.Replace('+', '-'), blob.Insert(8, "="), "=" + blob[1..], ""])
            Refuse($"ssh-ed25519 {wrong}", wrong == blob.Replace('/', '_') && wrong == blob ? "" : "ssh_key_malformed", unless: blob);
        Refuse($"ecdsa-sha2-nistp256 {padded.TrimEnd('=')}", "ssh_key_malformed");
        Refuse($"ecdsa-sha2-nistp256 {padded}=", "ssh_key_malformed");
        // The bits that padding leaves over have to be zero.
        var last = padded.TrimEnd('=')[^1];
        var next = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        Refuse($"ecdsa-sha2-nistp256 {padded.TrimEnd('=')[..^1]}{next[next.IndexOf(last, StringComparison.Ordinal) + 1]}=", "ssh_key_malformed");
    }

    [Fact]
    [Trait("Case", "S7")]
    public void Every_field_is_whole_and_nothing_follows_the_last()
    {
        foreach (var (_, line) in s_vectors.Where(vector => char.IsAsciiDigit(vector.Outcome[0])))
        {
            var (type, blob) = (line.Split(' ')[0], Convert.FromBase64String(line.Split(' ')[1]));
            var fields = Fields(blob);
            for (var length = 0; length < blob.Length; length++)
                Refuse($"{type} {Convert.ToBase64String(blob, 0, length)}", "ssh_key_malformed");
            Refuse($"{type} {Convert.ToBase64String([.. blob, 0])}", "ssh_key_malformed");
            Refuse($"{type} {Convert.ToBase64String([.. blob, .. blob])}", "ssh_key_malformed");
            Refuse($"{type} {Convert.ToBase64String([.. blob, 0, 0, 0, 0])}", "ssh_key_malformed");
            var at = 0;
            foreach (var field in fields)
            {
                foreach (var length in (uint[])[0, 1, (uint)field.Length - 1, (uint)field.Length + 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, (uint)blob.Length])
                {
                    var changed = blob.ToArray();
                    BinaryPrimitives.WriteUInt32BigEndian(changed.AsSpan(at), length);
                    Refuse($"{type} {Convert.ToBase64String(changed)}", "ssh_key_malformed");
                }

                at += 4 + field.Length;
            }

            foreach (var other in SshKeyBlob.Types.Where(other => other != type))
            {
                Refuse($"{other} {Convert.ToBase64String(blob)}", "ssh_key_malformed");
                Refuse($"{type} {Convert.ToBase64String(Blob(Encoding.ASCII.GetBytes(other), fields[1..]))}", "ssh_key_malformed");
            }
        }
    }

    [Fact]
    [Trait("Case", "S7")]
    public void Numbers_of_RSA_are_positive_minimal_and_odd()
    {
        var n = Number(2048);
        foreach (var (e, modulus) in ((byte[], byte[])[])[([], n), ([0], n), ([0, 3], n), ([0, 0, 3], n), ([1], n), ([2], n), ([1, 0, 0], n), ([0x81], n), ([1, 0, 1], []), ([1, 0, 1], [0]), ([1, 0, 1], [0, .. n]),
            ([1, 0, 1], n[1..]), ([1, 0, 1], [.. n[..^1], 2]), ([0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], n)])
            Refuse(Line("ssh-rsa", e, modulus), "ssh_key_malformed");
    }

    [Theory]
    [Trait("Case", "S7")]
    [InlineData("nistp256", 32)]
    [InlineData("nistp384", 48)]
    [InlineData("nistp521", 66)]
    public void A_point_is_on_its_curve(string curve, int size)
    {
        var type = $"ecdsa-sha2-{curve}";
        var name = Encoding.ASCII.GetBytes(curve);
        var point = Fields(Convert.FromBase64String(s_vectors.Single(vector => vector.Line.StartsWith(type, StringComparison.Ordinal)).Line.Split(' ')[1]))[2];
        var (x, y) = (point[1..(1 + size)], point[(1 + size)..]);
        Accept(Line(type, name, point));
        var beside = y.ToArray();
        beside[^1] ^= 1;
        byte[][] wrong =
        [
            [], [0], [4], [4, .. x], [4, .. x, .. beside], [4, .. y, .. x], [2, .. x], [3, .. x], [6, .. x, .. y], [5, .. x, .. y], [4, .. x, .. y, 0], [4, 0, .. x, 0, .. y], [4, .. new byte[2 * size]],
            [4, .. Enumerable.Repeat((byte)0xFF, 2 * size)], [4, .. x, .. new byte[size]], point[1..],
        ];
        Assert.All(wrong, bytes => Refuse(Line(type, name, bytes), "ssh_key_malformed"));
        foreach (var other in (string[])["nistp256", "nistp384", "nistp521", "nistp224", "", "NISTP256"])
        {
            if (other != curve)
                Refuse(Line(type, Encoding.ASCII.GetBytes(other), point), "ssh_key_malformed");
        }

        // −P is on it as well.
        var p = curve switch { "nistp256" => P256, "nistp384" => P384, _ => BigInteger.Pow(2, 521) - 1 };
        Accept(Line(type, name, [4, .. x, .. Bytes(p - new BigInteger(y, isUnsigned: true, isBigEndian: true), size)]));
        // x + p is the same residue, but no coordinate.
        Refuse(Line(type, name, [4, .. Bytes((new BigInteger(x, isUnsigned: true, isBigEndian: true) + p) % BigInteger.Pow(256, size), size), .. y]), "ssh_key_malformed");
    }

    [Fact]
    [Trait("Case", "S7")]
    public void A_point_of_ed25519_is_one_that_only_its_owner_can_sign_for()
    {
        // RFC 8032 §7.1, TEST 1 to 3.
        foreach (var good in (string[])["d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025"])
            Accept(Line("ssh-ed25519", Convert.FromHexString(good)));
        string[] wrong =
        [
            // No point; y = 0, 1, −1 and the two of order 8, with either sign; y beyond the prime; 31 and 33 bytes.
            "0200000000000000000000000000000000000000000000000000000000000000",
            "0000000000000000000000000000000000000000000000000000000000000000", "0000000000000000000000000000000000000000000000000000000000000080",
            "0100000000000000000000000000000000000000000000000000000000000000", "0100000000000000000000000000000000000000000000000000000000000080",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f70751", "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a00", "",
        ];
        Assert.All(wrong, hex => Refuse(Line("ssh-ed25519", Convert.FromHexString(hex)), "ssh_key_malformed"));
    }

    [Theory]
    [Trait("Case", "S9")]
    [InlineData("ssh:", true)]
    [InlineData("ssh:work-laptop", true)]
    [InlineData("https://id.example.test", true)]
    [InlineData("", false)]
    [InlineData("ssh: x", false)]
    [InlineData("ssh:\n", false)]
    [InlineData("ssh:\0", false)]
    [InlineData("sshé", false)]
    public void A_security_keys_application_is_printable(string application, bool good)
    {
        foreach (var (_, line) in s_vectors.Where(vector => vector.Line.StartsWith("sk-", StringComparison.Ordinal)))
        {
            var type = line.Split(' ')[0];
            byte[][] fields = [.. Fields(Convert.FromBase64String(line.Split(' ')[1]))[1..^1], Encoding.UTF8.GetBytes(application)];
            if (good)
                Accept(Line(type, fields));
            else
                Refuse(Line(type, fields), "ssh_key_malformed");
        }
    }

    [Fact]
    public void Nothing_ever_throws()
    {
        var random = new Random(42);
        var alphabet = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5=+/\n\r\t\0\"\\,@é\uD800\u2028".ToCharArray();
        for (var i = 0; i < 20_000; i++)
        {
            var text = random.Next(3) switch
            {
                0 => new string(random.GetItems(alphabet, random.Next(200))),
                1 => $"{SshKeyBlob.Types[random.Next(SshKeyBlob.Types.Count)]} {Convert.ToBase64String(RandomBytes(random))} x",
                _ => $"{SshKeyBlob.Types[random.Next(SshKeyBlob.Types.Count)]} {Convert.ToBase64String(Blob(Encoding.ASCII.GetBytes(SshKeyBlob.Types[random.Next(SshKeyBlob.Types.Count)]), [RandomBytes(random), RandomBytes(random)]))}",
            };
            _ = SshPublicKey.Parse(text);
            _ = AuthorizedKeysLine.TryRead(text, out _, out _);
            _ = SshFingerprint.TryParse(text, out _);
        }
    }

    [Fact]
    public void A_line_that_was_written_is_read_again_and_nothing_else_is()
    {
        var end = new DateTime(2026, 12, 24, 18, 30, 5, DateTimeKind.Utc);
        foreach (var (_, line) in s_vectors.Where(vector => char.IsAsciiDigit(vector.Outcome[0])))
        {
            Assert.Equal(line, AuthorizedKeysLine.Write(line));
            Assert.True(AuthorizedKeysLine.TryRead(line, out var key, out var none));
            Assert.Equal((line, null), (key!.Text, none));
            var timed = AuthorizedKeysLine.Write(line, end);
            Assert.Equal($"expiry-time=\"20261224183005Z\" {line}", timed);
            Assert.True(AuthorizedKeysLine.TryRead(timed, out key, out var time));
            Assert.Equal((line, end), (key!.Text, time));
            foreach (var wrong in (string[])[$" {line}", $"{line} ", $"{line}\n", $"{line}\n{line}", $"restrict {line}", $"{timed} ", $" {timed}", timed.Replace("Z\"", "\"", StringComparison.Ordinal),
                timed.Replace("2026", "20x6", StringComparison.Ordinal), timed.Replace("1224", "1324", StringComparison.Ordinal), $"restrict,{timed}", $"expiry-time=\"20261224183005Z\",restrict {line}",
                $"expiry-time=\"20261224183005Z\" {timed}", line[..^1] + "\u0007", line.Replace(" ", "  ", StringComparison.Ordinal), ""])
                Assert.False(AuthorizedKeysLine.TryRead(wrong, out _, out _), wrong);
        }
    }

    [Fact]
    public void A_fingerprint_is_canonical_and_a_space_in_it_was_a_plus()
    {
        var hash = Convert.FromBase64String("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
        const string Text = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU";
        Assert.Equal(Text, SshFingerprint.Of(hash));
        foreach (var form in (string[])[Text, Text.Replace('+', ' ')])
        {
            Assert.True(SshFingerprint.TryParse(form, out var parsed));
            Assert.Equal(hash, parsed);
        }

        foreach (var wrong in (string?[])[null, "", "SHA256:", Text + "=", Text[..^1], Text + "A", Text.ToLowerInvariant(), Text[7..], Text.Replace('/', '_'), Text[..^1] + "V", $" {Text}", Text.Insert(20, "\n")[..50], "MD5:" + Text[7..] + "abc"])
            Assert.False(SshFingerprint.TryParse(wrong, out _), wrong);
    }

    private static readonly BigInteger P256 = BigInteger.Parse("0ffffffff00000001000000000000000000000000ffffffffffffffffffffffff", NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
    private static readonly BigInteger P384 = BigInteger.Pow(2, 384) - BigInteger.Pow(2, 128) - BigInteger.Pow(2, 96) + BigInteger.Pow(2, 32) - 1;

    private static SshPublicKey Accept(string line)
    {
        Assert.True(SshPublicKey.Parse(line).TryGet(out var key, out var problem), $"{line}: {problem?.Code}");
        return key;
    }

    private static void Refuse(string? line, string code, string? unless = null)
    {
        // A replacement that replaced nothing.
        if (unless is not null && line == $"ssh-ed25519 {unless}")
            return;
        var problem = SshPublicKey.Parse(line).Problem;
        Assert.True(problem?.Code == code, $"{line}: {problem?.Code ?? "taken"} instead of {code}");
        Assert.Equal("publicKey", problem!.Field);
    }

    private static string Line(string type, params byte[][] fields) => $"{type} {Convert.ToBase64String(Blob(Encoding.ASCII.GetBytes(type), fields))}";

    private static byte[] Blob(byte[] type, byte[][] fields)
    {
        using var blob = new MemoryStream();
        foreach (var field in (byte[][])[type, .. fields])
        {
            var length = new byte[4];
            BinaryPrimitives.WriteInt32BigEndian(length, field.Length);
            blob.Write(length);
            blob.Write(field);
        }

        return blob.ToArray();
    }

    private static byte[][] Fields(ReadOnlySpan<byte> blob)
    {
        var fields = new List<byte[]>();
        while (!blob.IsEmpty)
        {
            var length = BinaryPrimitives.ReadInt32BigEndian(blob);
            fields.Add(blob.Slice(4, length).ToArray());
            blob = blob[(4 + length)..];
        }

        return [.. fields];
    }

    /// <summary>An odd number of so many bits, as an mpint.</summary>
    private static byte[] Number(int bits)
    {
        var bytes = new byte[(bits + 7) / 8];
        new Random(bits).NextBytes(bytes);
        bytes[0] = (byte)(1 << ((bits - 1) % 8));
        bytes[^1] |= 1;
        return bits % 8 == 0 ? [0, .. bytes] : bytes;
    }

    private static byte[] Bytes(BigInteger number, int size)
    {
        var bytes = number.ToByteArray(isUnsigned: true, isBigEndian: true);
        return [.. new byte[size - bytes.Length], .. bytes];
    }

    private static byte[] RandomBytes(Random random)
    {
        var bytes = new byte[random.Next(80)];
        random.NextBytes(bytes);
        return bytes;
    }
}
