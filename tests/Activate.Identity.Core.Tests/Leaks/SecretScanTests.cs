using System.Text.RegularExpressions;
using Activate.Identity.Core.ApiKeys;
using Activate.Identity.Core.Applications;
using Activate.Identity.Core.Leaks;
using Activate.Identity.Core.Tokens;

namespace Activate.Identity.Core.Tests.Leaks;

[Trait("Case", "K3")]
[Trait("Case", "K14")]
public class SecretScanTests
{
    private static readonly Uri s_origin = new("https://id.example.org");

    private static string NewKey() => ApiKeySecret.Generate(s_origin).Reveal();

    private static string NewRefreshToken() => RefreshToken.At(Guid.CreateVersion7(), 1, message => System.Security.Cryptography.SHA256.HashData(message)).Reveal();

    private static List<(SecretKind, int, string)> Found(string text) => [.. SecretScan.Of(text).Select(secret => (secret.Kind, secret.Line, secret.Reveal()))];

    [Fact]
    public void Every_generated_secret_is_matched_whole_by_the_published_expression_and_found()
    {
        var published = new Regex($"^({SecretScan.Pattern})$", RegexOptions.NonBacktracking);
        for (var i = 0; i < 2000; i++)
        {
            foreach (var (kind, secret) in new[] { (SecretKind.ApiKey, NewKey()), (SecretKind.ClientSecret, ClientSecret.Generate().Reveal()), (SecretKind.RefreshToken, NewRefreshToken()) })
            {
                Assert.Matches(published, secret);
                Assert.Equal([(kind, 1, secret)], Found(secret));
            }
        }
    }

    [Fact]
    public void They_are_found_with_their_lines_whatever_stands_around_them()
    {
        var (key, secret, token) = (NewKey(), ClientSecret.Generate().Reveal(), NewRefreshToken());
        Assert.Equal([(SecretKind.ApiKey, 1, key), (SecretKind.ClientSecret, 3, secret), (SecretKind.RefreshToken, 3, token), (SecretKind.ApiKey, 4, key)],
            Found($"export KEY=\"{key}\"\r\n\r\n- \"{secret}\", '{token}'\nhttps://x.example/?k={key}&y=1\n"));
        // Glued to other words, and behind something that only begins like one.
        Assert.Equal([(SecretKind.ApiKey, 1, key)], Found($"KEY{key}zzz"));
        Assert.Equal([(SecretKind.ApiKey, 1, key)], Found($"pwt_pwt_{key}"));
        Assert.Equal([(SecretKind.ApiKey, 1, key), (SecretKind.ApiKey, 1, key)], Found(key + key));
        Assert.Equal(s_origin, SecretScan.Of(key)[0].Origin);
        Assert.Null(SecretScan.Of(secret)[0].Origin);
    }

    [Fact]
    public void A_near_miss_is_no_secret()
    {
        var (key, secret, token) = (NewKey(), ClientSecret.Generate().Reveal(), NewRefreshToken());
        foreach (var miss in (string[])[
            key[..^1], key[1..], key.Replace("pwt_", "pwt-", StringComparison.Ordinal), key.Replace('.', '_'), key.ToUpperInvariant(), Flip(key, key.Length - 10), Flip(key, key.Length - 1), Flip(key, 8),
            secret[..^1], Flip(secret, 20), secret.Replace("pws_", "pwt_", StringComparison.Ordinal), token[..^1], token + "x", token.Replace("pwr_", "pwx_", StringComparison.Ordinal),
            "pwt_", "pwt_aWQ." + new string('0', 49), "", "\n\n"])
            Assert.Empty(Found($"a {miss} b"));

        static string Flip(string text, int at) => $"{text[..at]}{(text[at] == 'a' ? 'b' : 'a')}{text[(at + 1)..]}";
    }

    [Fact]
    public void A_text_in_pieces_gives_what_the_whole_gives()
    {
        var text = string.Join('\n', Enumerable.Range(0, 40).Select(i => $"{new string('x', i * 37)} {(i % 3) switch { 0 => NewKey(), 1 => ClientSecret.Generate().Reveal(), _ => NewRefreshToken() }} y"));
        var whole = Found(text);
        Assert.Equal(40, whole.Count);
        foreach (var size in (int[])[1, 7, 63, 511, 512, 513, 4096])
        {
            var scan = new SecretScan();
            List<FoundSecret> found = [];
            for (var at = 0; at < text.Length; at += size)
                found.AddRange(scan.Take(text.Substring(at, Math.Min(size, text.Length - at))));
            found.AddRange(scan.End());
            Assert.Equal(whole, found.Select(secret => (secret.Kind, secret.Line, secret.Reveal())));
        }
    }

    [Fact]
    public void What_was_found_shows_its_last_four_characters_only()
    {
        var key = NewKey();
        var found = SecretScan.Of(key)[0];
        Assert.Equal((key[^4..], $"ApiKey …{key[^4..]}"), (found.Last4, found.ToString()));
    }
}
