using System.Diagnostics.CodeAnalysis;
using Activate.Identity.Core.SshKeys;

namespace Activate.Identity.Core.SshCertificates;

/// <summary>
/// The file for sshd's <c>TrustedUserCAKeys</c>, as the server answers it and as it lies on a cluster's host. Its first line is a comment for sshd; the helper learns from it
/// which cluster it is on. One file for both, so that they never contradict each other.
/// <code>
/// # activate cluster 01993a54-2d3f-7d4c-9e26-5e7fa4c3da92
/// ecdsa-sha2-nistp256 AAAA…
/// ecdsa-sha2-nistp256 AAAA…
/// </code>
/// </summary>
/// <param name="ClusterId">Whose host it is for.</param>
/// <param name="PublicKeys"><c>type blob</c>: all that are to sign, sign, or have signed what still lives. Never empty.</param>
public sealed record TrustedAuthorities(Guid ClusterId, IReadOnlyList<string> PublicKeys)
{
    /// <summary>More than anybody ever has at once.</summary>
    public const int Most = 32;

    private const string Mark = "# activate cluster ";

    public string Write() => string.Concat(PublicKeys.Prepend(Mark + ClusterId).Select(line => line + "\n"));

    /// <summary>Reads exactly what <see cref="Write"/> writes: of a file that decides whom sshd believes, nothing is guessed.</summary>
    public static bool TryRead(string? text, [NotNullWhen(true)] out TrustedAuthorities? authorities)
    {
        authorities = null;
        if (text?.Split('\n') is not [var first, .. var keys, ""] || keys.Length is 0 or > Most || !first.StartsWith(Mark, StringComparison.Ordinal)
            || !Guid.TryParseExact(first[Mark.Length..], "D", out var cluster)
            || !keys.All(line => SshPublicKey.Parse(line).TryGet(out var key, out _) && key.Text == line && key.Comment.Length == 0))
            return false;
        var read = new TrustedAuthorities(cluster, keys);
        if (read.Write() != text)
            return false;
        authorities = read;
        return true;
    }
}
