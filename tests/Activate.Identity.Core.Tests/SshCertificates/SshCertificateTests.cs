using System.Security.Cryptography;
using Activate.Identity.Core.SshCertificates;
using Activate.Identity.Core.SshKeys;

namespace Activate.Identity.Core.Tests.SshCertificates;

/// <summary>What ssh-keygen and sshd make of them is in the end-to-end tests.</summary>
public sealed class SshCertificateTests
{
    private static readonly DateTime s_from = new(2026, 11, 25, 12, 0, 0, DateTimeKind.Utc);
    private static readonly Guid s_cluster = new("01993a54-2d3f-7d4c-9e26-5e7fa4c3da92");

    private static IEnumerable<SshPublicKey> KeysOfEveryType => File.ReadLines(Path.Combine(AppContext.BaseDirectory, "SshKeys", "ssh-keygen.txt"))
        .Where(line => char.IsAsciiDigit(line[0])).Select(line => SshPublicKey.Parse(line.Split('\t')[1]).TryGet(out var key, out _) ? key : throw new InvalidOperationException(line));

    [Fact]
    public void What_was_signed_is_read_again_for_every_type_of_key()
    {
        using var authority = SshAuthority.Read(SshAuthority.Generate());
        var types = new HashSet<string>();
        foreach (var key in KeysOfEveryType)
        {
            var line = Certificate(key).Sign(authority, new byte[SshCertificate.NonceLength]);
            Assert.StartsWith($"{key.Algorithm.Replace("@openssh.com", "", StringComparison.Ordinal)}-cert-v01@openssh.com AAAA", line, StringComparison.Ordinal);
            Assert.True(SshCertificate.TryRead(line, out var read), key.Algorithm);
            Assert.Equal((key.Fingerprint, long.MaxValue, "ada session", s_from, s_from.AddHours(8)), (read.Key.Fingerprint, read.Serial, read.KeyId, read.ValidAfter, read.ValidBefore));
            Assert.Equal([$"ada@{s_cluster}"], read.Principals);
            Assert.True(SshCertificate.TryRead($"{line} comment\n", out _));
            types.Add(key.Algorithm);
        }

        Assert.Equal(SshKeyBlob.Types.Order(), types.Order());
    }

    [Fact]
    public void The_authority_signed_everything_before_its_signature()
    {
        using var authority = SshAuthority.Read(SshAuthority.Generate());
        for (var i = 0; i < 50; i++)
        {
            var blob = Convert.FromBase64String(Certificate(KeysOfEveryType.First()).Sign(authority, RandomNumberGenerator.GetBytes(SshCertificate.NonceLength)).Split(' ')[1]);
            // Numbers of 32 or 33 bytes, and shorter ones now and then: all must come out right.
            var length = 4 + (int)System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(blob.AsSpan(blob.Length - SignatureLength(blob)));
            var signed = blob.AsSpan(0, blob.Length - length);
            Assert.True(authority.VerifyData(signed, RawSignature(blob.AsSpan(signed.Length + 4)), HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation));
        }
    }

    [Fact]
    public void What_is_cut_off_or_longer_or_for_hosts_is_no_certificate()
    {
        using var authority = SshAuthority.Read(SshAuthority.Generate());
        var key = KeysOfEveryType.First();
        var line = Certificate(key).Sign(authority, new byte[SshCertificate.NonceLength]);
        var blob = Convert.FromBase64String(line.Split(' ')[1]);
        for (var length = 0; length < blob.Length; length++)
            Assert.False(SshCertificate.TryRead(Line(blob[..length]), out _), $"{length} bytes");
        Assert.False(SshCertificate.TryRead(Line([.. blob, 0]), out _));
        var kind = blob.AsSpan().IndexOf(new byte[] { 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 1 });
        blob[kind + 11] = 2;
        Assert.False(SshCertificate.TryRead(Line(blob), out _));
        foreach (var wrong in (string?[])[null, "", "ssh-ed25519", key.Text, "x y", line.Replace("ssh-ed25519-cert", "ssh-rsa-cert", StringComparison.Ordinal), line.Replace(" AAAA", " !AAA", StringComparison.Ordinal)])
            Assert.False(SshCertificate.TryRead(wrong, out _), wrong);

        string Line(byte[] bytes) => $"{line.Split(' ')[0]} {Convert.ToBase64String(bytes)}";
    }

    [Fact]
    public void A_certificate_that_would_open_everything_or_nothing_is_never_signed()
    {
        using var authority = SshAuthority.Read(SshAuthority.Generate());
        var key = KeysOfEveryType.First();
        foreach (var wrong in (SshCertificate[])[Certificate(key, principals: []), Certificate(key, serial: 0), Certificate(key, serial: -1), Certificate(key, hours: 0)])
            Assert.Throws<InvalidOperationException>(() => wrong.Sign(authority, new byte[SshCertificate.NonceLength]));
        Assert.Throws<InvalidOperationException>(() => Certificate(key).Sign(authority, new byte[8]));
    }

    [Theory]
    [InlineData("ada@01993a54-2d3f-7d4c-9e26-5e7fa4c3da92", true)]
    [InlineData("ada@01993A54-2d3f-7d4c-9e26-5e7fa4c3da92", false)]
    [InlineData("ada@{01993a54-2d3f-7d4c-9e26-5e7fa4c3da92}", false)]
    [InlineData("ada", false)]
    [InlineData("root@01993a54-2d3f-7d4c-9e26-5e7fa4c3da92", false)]
    [InlineData("ada@b@01993a54-2d3f-7d4c-9e26-5e7fa4c3da92", false)]
    [InlineData("@01993a54-2d3f-7d4c-9e26-5e7fa4c3da92", false)]
    [InlineData("ada@", false)]
    [InlineData(null, false)]
    public void A_principal_is_an_account_of_one_cluster(string? text, bool good)
    {
        Assert.Equal(good, CertificatePrincipal.TryParse(text, out var principal));
        if (good)
            Assert.Equal((new CertificatePrincipal("ada", s_cluster), text), (principal!.Value, principal.Value.ToString()));
    }

    /// <summary>The same as a look-up of keys says: docs/clusters.md, "Accounts of other names".</summary>
    [Theory]
    [InlineData("ada", null, false, "ada")]
    [InlineData("ada", "x1", false, "x1")]
    [InlineData("ada", "ada", true, "ada")]
    [InlineData("ada", "x1", true, "x1")]
    [InlineData("ada", null, true, null)]
    public void The_account_is_the_mapped_one_or_that_of_the_username_unless_it_is_somebody_elses(string username, string? mapped, bool isOthers, string? account) =>
        Assert.Equal(account, CertificatePrincipal.AccountOf(username, mapped, isOthers));

    [Fact]
    public void The_file_for_sshd_is_read_only_as_it_was_written()
    {
        using var authority = SshAuthority.Read(SshAuthority.Generate());
        var key = SshAuthority.PublicKey(authority).Text;
        var text = new TrustedAuthorities(s_cluster, [key, key]).Write();
        Assert.Equal($"# activate cluster {s_cluster}\n{key}\n{key}\n", text);
        Assert.True(TrustedAuthorities.TryRead(text, out var read));
        Assert.Equal((s_cluster, 2), (read.ClusterId, read.PublicKeys.Count));
        string?[] wrong =
        [
            null, "", "\n", key + "\n", $"# activate cluster {s_cluster}\n", text[..^1], text + "\n", text + key, text.Replace("# ", "#", StringComparison.Ordinal), text.Replace(key, $"{key} comment", StringComparison.Ordinal),
            text.Replace(key, $"cert-authority {key}", StringComparison.Ordinal), text.Replace("\n", "\r\n", StringComparison.Ordinal), "<html>\n</html>\n", text.Replace(s_cluster.ToString(), "x", StringComparison.Ordinal),
            $"# activate cluster {s_cluster}\n{string.Concat(Enumerable.Repeat(key + "\n", TrustedAuthorities.Most + 1))}",
        ];
        foreach (var bad in wrong)
            Assert.False(TrustedAuthorities.TryRead(bad, out _), bad);
    }

    private static SshCertificate Certificate(SshPublicKey key, IReadOnlyList<string>? principals = null, long serial = long.MaxValue, int hours = 8) => new()
    {
        Key = key, Serial = serial, KeyId = "ada session", Principals = principals ?? [new CertificatePrincipal("ada", s_cluster).ToString()], ValidAfter = s_from, ValidBefore = s_from.AddHours(hours),
    };

    /// <summary>Of the last field with its own length: found from the end, as "ecdsa-sha2-nistp256" stands at its beginning.</summary>
    private static int SignatureLength(byte[] blob) => blob.Length - blob.AsSpan().LastIndexOf("\0\0\0\u0013ecdsa-sha2-nistp256"u8) + 4;

    /// <summary>r and s, 32 bytes each.</summary>
    private static byte[] RawSignature(ReadOnlySpan<byte> field)
    {
        Assert.True(SshKeyBlob.TryTake(ref field, out _));
        Assert.True(SshKeyBlob.TryTake(ref field, out var numbers));
        Assert.True(SshKeyBlob.TryTake(ref numbers, out var r));
        Assert.True(SshKeyBlob.TryTake(ref numbers, out var s));
        Assert.True(field.IsEmpty && numbers.IsEmpty);
        return [.. Half(r), .. Half(s)];

        static byte[] Half(ReadOnlySpan<byte> number)
        {
            // RFC 4251 §5: no needless zero, and none of the numbers negative.
            Assert.True(number[0] < 0x80 && (number[0] != 0 || number[1] >= 0x80));
            var half = new byte[32];
            number = number.TrimStart((byte)0);
            number.CopyTo(half.AsSpan(32 - number.Length));
            return half;
        }
    }
}
