using System.Text.RegularExpressions;
using Activate.Identity.Core.ApiKeys;
using Activate.Identity.Core.Leaks;

namespace Activate.Identity.EndToEnd.Tests.Shipping;

/// <summary>No secret is in the repository, nor ever was: everything that any commit added is looked through as <c>actid leak check</c> looks.</summary>
public sealed partial class HistoryTests
{
    /// <summary>Hosts that are nobody's (RFC 2606, RFC 6761), and this machine: keys for these are examples, and name them.</summary>
    [GeneratedRegex(@"(^|\.)(example(\.(com|net|org))?|test|invalid|localhost)$|^127\.|^\[::1\]$")]
    private static partial Regex NobodysHost { get; }

    /// <summary>What other services give, and private keys with enough behind their first line to be one.</summary>
    [GeneratedRegex(@"\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[0-9A-Za-z]{36}\b|\bglpat-[0-9A-Za-z_-]{20}\b|\bxox[bp]-[0-9A-Za-z-]{20,}|-----BEGIN [A-Z ]*PRIVATE KEY-----(\\n|\s)*\+?[0-9A-Za-z+/=]{64}")]
    private static partial Regex OtherSecret { get; }

    [Fact, Trait("Case", "X4")]
    public async Task No_commit_ever_held_a_secret_and_a_planted_one_is_found()
    {
        var (code, everything) = await Commands.TryRunAsync("git", "-c", "safe.directory=*", "-C", Repository.Root, "log", "--all", "-p", "-U0", "--no-color", "--no-ext-diff", "--text");
        Assert.Equal(0, code);
        Assert.True(everything.Length > 100_000, "That is no history.");
        Assert.Empty(Found(everything));

        // What would be found: a key of a real server, a client secret, another service's token, a private key.
        var key = ApiKeySecret.Generate(new Uri("https://id.hydrology-lab.edu")).Reveal();
        string[] planted = [key, "AKIA" + "IOSFODNN7EXAMPLE", "ghp_" + new string('a', 36), $"-----BEGIN PRIVATE KEY-----\n+{new string('A', 64)}"];
        foreach (var secret in planted)
            Assert.Single(Found($"{everything[..50_000]}\n+ a line with {secret} in it\n{everything[50_000..60_000]}"));
    }

    /// <summary>Where secrets are, never which.</summary>
    private static List<string> Found(string text) =>
    [
        .. SecretScan.Of(text).Where(secret => secret.Origin is not { } origin || !NobodysHost.IsMatch(origin.Host)).Select(secret => secret.ToString()),
        .. OtherSecret.Matches(text).Select(match => $"another secret, {match.Index} characters from the start"),
    ];
}
