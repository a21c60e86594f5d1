using Activate.Identity.Core.Errors;

namespace Activate.Identity.Core.SshKeys;

/// <summary>One line of a file, with the key on it or what is wrong with it.</summary>
/// <param name="Line">Counted from 1.</param>
public readonly record struct AuthorizedKeysFileLine(int Line, Result<SshPublicKey> Key);

/// <summary>
/// An <c>authorized_keys</c> file that exists already. Each line is judged by <see cref="SshPublicKey"/> alone: one with options is refused, for without them (<c>from=</c>,
/// <c>command=</c>) the key would open more than it did.
/// </summary>
public static class AuthorizedKeysFile
{
    /// <summary>The lines that hold something: neither blank nor a comment.</summary>
    public static IReadOnlyList<AuthorizedKeysFileLine> Parse(string text)
    {
        var lines = text.Split('\n');
        return [.. lines.Select((line, index) => (Text: line.Trim(), Line: index + 1))
            .Where(line => line.Text.Length > 0 && line.Text[0] != '#')
            .Select(line => new AuthorizedKeysFileLine(line.Line, SshPublicKey.Parse(line.Text, "authorizedKeys")))];
    }
}
