using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Activate.Identity.Cli.Contexts;
using Activate.Identity.Core.SshCertificates;
using Activate.Identity.Core.SshKeys;

namespace Activate.Identity.Cli.SshCertificates;

/// <summary>
/// A private key and the certificate beside it, as ssh wants them:
/// <code>
///  ~/.config/actid/ssh/id.example.org/                      0700
///    login.frontier.example.org             0600            the private key (PEM), made anew when the certificate before has ended
///    login.frontier.example.org-cert.pub    0600            the certificate; no secret
/// </code>
/// Nothing is locked: a certificate counts only if it certifies the key that is beside it, so that of two processes that renew at once the next one sees what fits, or asks again.
/// </summary>
internal sealed class CertificateFiles(string path, bool isOurs)
{
    /// <summary>One that ends in this time is renewed: a login takes a moment.</summary>
    private static readonly TimeSpan s_margin = TimeSpan.FromMinutes(1);

    private const int LongestName = 100;

    public string KeyPath { get; } = path;

    public string CertificatePath { get; } = $"{path}-cert.pub";

    /// <summary>The files of a cluster, named by the word that somebody typed for it.</summary>
    public static CertificateFiles Of(Surroundings around, Uri server, string cluster)
    {
        var host = string.Concat(server.Authority.Select(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' ? c : '_'));
        var word = cluster.ToLowerInvariant();
        // No % either: ssh takes it for a token in the name of a file.
        var name = word.Length is > 0 and <= LongestName && word.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '.' or '-')
            && word[0] is not ('.' or '-') && !word.EndsWith(".pub", StringComparison.Ordinal)
            ? word
            : Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(word)));
        return new CertificateFiles(Path.Combine(ContextFolder.Root(around), "ssh", host, name), isOurs: true);
    }

    /// <summary>The files that somebody named: a key that is there is never replaced.</summary>
    public static CertificateFiles At(string path) => new(Path.GetFullPath(path), isOurs: false);

    /// <summary>The certificate, if it certifies the key beside it, came from this session, and lives for a while yet.</summary>
    /// <param name="sessionId">Of the sign-in in use. A certificate of an earlier one may have ended with it.</param>
    /// <param name="now">UTC.</param>
    public SshCertificate? Living(string? sessionId, DateTimeOffset now) =>
        sessionId is not null && ReadKey() is { } key && ReadText(CertificatePath) is { } text && SshCertificate.TryRead(text, out var certificate)
        && certificate.Key.Fingerprint == key.Fingerprint && certificate.KeyId.EndsWith($" {sessionId}", StringComparison.Ordinal)
        && certificate.ValidBefore - s_margin > now.UtcDateTime
            ? certificate
            : null;

    /// <summary>The key to be certified: what is there, or a new one.</summary>
    /// <param name="isInUse">A living certificate certifies the key that is there.</param>
    public SshPublicKey Prepare(bool isInUse)
    {
        if (isOurs)
            PrivateFiles.MakePrivateFolder(Path.GetDirectoryName(KeyPath)!);
        if ((isInUse || !isOurs) && (File.Exists(KeyPath) || File.Exists(PublicPath)))
            return ReadKey() ?? throw Failure.Usage($"{KeyPath} is no key that actid can read, and there is no {PublicPath} beside it.", "Make that: ssh-keygen -y -f KEY > KEY.pub");
        using var pair = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var pem = pair.ExportECPrivateKeyPem() + "\n";
        if (isOurs)
            PrivateFiles.Replace(KeyPath, pem);
        else
            PrivateFiles.WriteNew(KeyPath, pem);
        return SshAuthority.PublicKey(pair);
    }

    public void Write(string certificate) => PrivateFiles.Replace(CertificatePath, certificate + "\n");

    private string PublicPath => $"{KeyPath}.pub";

    /// <summary>The public half, from the file that says so or from the private one; null: there is none, or it is another program's.</summary>
    private SshPublicKey? ReadKey()
    {
        if (!isOurs && ReadText(PublicPath) is { } line)
            return SshPublicKey.Parse(line).TryGet(out var own, out _) ? own : null;
        if (ReadText(KeyPath) is not { } pem)
            return null;
        try
        {
            using var pair = ECDsa.Create();
            pair.ImportFromPem(pem);
            return SshAuthority.PublicKey(pair);
        }
        catch (Exception problem) when (problem is CryptographicException or ArgumentException)
        {
            return null;
        }
    }

    private static string? ReadText(string file)
    {
        try
        {
            return File.ReadAllText(file);
        }
        catch (Exception problem) when (problem is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"key {KeyPath}");
}
