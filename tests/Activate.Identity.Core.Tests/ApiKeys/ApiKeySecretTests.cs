using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Activate.Identity.Core.ApiKeys;

namespace Activate.Identity.Core.Tests.ApiKeys;

public sealed class ApiKeySecretTests
{
    private const string Base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    private const string ExampleKey = "pwt_aWQuZXhhbXBsZS5vcmc.00000000000000000000000000000000000000000014BVUv9";
    private static readonly Uri s_example = new("https://id.example.org");

    [Theory]
    [InlineData("https://id.example.org", "0000000000000000000000000000000000000000001", ExampleKey)]
    [InlineData("http://localhost:5080", "ZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZ",
        "pwt_aHR0cDovL2xvY2FsaG9zdDo1MDgw.ZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZ2AXExd")]
    public void The_vectors_of_the_contract_come_out(string origin, string secret, string expected)
    {
        Assert.Equal(expected, ApiKeySecret.From(new Uri(origin), secret).Reveal());
        Assert.True(ApiKeySecret.IsWellFormed(expected));
        Assert.True(ApiKeySecret.TryGetOrigin(expected, out var found));
        Assert.Equal(new Uri(origin), found);
    }

    [Theory]
    [InlineData("https://id.example.org", "id.example.org")]
    [InlineData("https://id.example.org/", "id.example.org")]
    [InlineData("https://ID.Example.ORG", "id.example.org")]
    [InlineData("https://id.example.org:443", "id.example.org")]
    [InlineData("https://id.example.org:8443", "id.example.org:8443")]
    [InlineData("https://id.example.org:80", "id.example.org:80")]
    [InlineData("https://bücher.example", "xn--bcher-kva.example")]
    [InlineData("https://BÜCHER.example:8443", "xn--bcher-kva.example:8443")]
    [InlineData("https://xn--bcher-kva.example", "xn--bcher-kva.example")]
    [InlineData("https://10.1.2.3", "10.1.2.3")]
    [InlineData("https://[2001:DB8::1]", "[2001:db8::1]")]
    [InlineData("https://[2001:db8:0:0:0:0:0:1]:8443", "[2001:db8::1]:8443")]
    [InlineData("http://localhost", "http://localhost")]
    [InlineData("http://localhost:80", "http://localhost")]
    [InlineData("http://localhost:5080", "http://localhost:5080")]
    [InlineData("http://localhost:443", "http://localhost:443")]
    [InlineData("http://[::1]:5080", "http://[::1]:5080")]
    public void The_platform_names_the_server_and_leads_back_to_it(string origin, string platform)
    {
        Assert.Equal(platform, ApiKeySecret.PlatformOf(new Uri(origin)));
        Assert.True(ApiKeySecret.TryGetOriginOfPlatform(platform, out var direct));
        Assert.True(ApiKeySecret.TryGetOrigin(ApiKeySecret.Generate(new Uri(origin)).Reveal(), out var fromKey));
        Assert.Equal(direct, fromKey);
        Assert.Equal(platform, ApiKeySecret.PlatformOf(fromKey));
        Assert.Equal(new Uri(origin).IdnHost, fromKey.IdnHost);
        Assert.Equal((new Uri(origin).Scheme, new Uri(origin).Port), (fromKey.Scheme, fromKey.Port));
    }

    /// <summary>A client sends its secret to the origin it finds here: nothing may lead elsewhere than it reads.</summary>
    [Theory]
    [InlineData("")]
    [InlineData("https://id.example.org")]
    [InlineData("HTTP://localhost")]
    [InlineData("ftp://id.example.org")]
    [InlineData("file://id.example.org")]
    [InlineData("http://")]
    [InlineData("http:///id.example.org")]
    [InlineData("http://http://id.example.org")]
    [InlineData("ID.example.org")]
    [InlineData("id.example.org/")]
    [InlineData("id.example.org/path")]
    [InlineData("id.example.org?query")]
    [InlineData("id.example.org#fragment")]
    [InlineData("id.example.org\\@evil.test")]
    [InlineData("user@id.example.org")]
    [InlineData("user:password@id.example.org")]
    [InlineData("http://localhost@evil.test")]
    [InlineData("id.example.org:443")]
    [InlineData("http://localhost:80")]
    [InlineData("id.example.org:08443")]
    [InlineData("id.example.org:99999")]
    [InlineData("id.example.org:-1")]
    [InlineData("id.example.org:")]
    [InlineData(" id.example.org")]
    [InlineData("id.example.org\n")]
    [InlineData("id.example.org\0")]
    [InlineData("id.exa mple.org")]
    [InlineData("id%2eexample.org")]
    [InlineData("bücher.example")]
    [InlineData("ｉd.example.org")]
    [InlineData("id.exam\u00ADple.org")]
    [InlineData("\u202Eid.example.org")]
    [InlineData("\uFFFD")]
    [InlineData("127.1")]
    [InlineData("0x7f000001")]
    [InlineData("2130706433")]
    [InlineData("loopback")]
    [InlineData("::1")]
    [InlineData("[::1")]
    [InlineData("[0:0:0:0:0:0:0:1]")]
    [InlineData("[::1%eth0]")]
    [InlineData("[fe80::1%25eth0]")]
    public void An_origin_is_refused_that_no_server_could_have_written(string platform)
    {
        Assert.False(ApiKeySecret.TryGetOriginOfPlatform(platform, out var direct));
        Assert.Null(direct);
        var key = KeyOf(Encoding.UTF8.GetBytes(platform));
        Assert.False(ApiKeySecret.TryGetOrigin(key, out var fromKey));
        Assert.Null(fromKey);
    }

    [Fact]
    public void No_platform_whatever_makes_the_search_for_an_origin_throw()
    {
        var random = new Random(20261123);
        var pieces = new[] { "http://", "https://", "xn--", "a", "-", ".", ":", "80", "[", "]", "::1", "%", "@", "/", "\\", "?", "#", "\0", " ", "ü", "\uFFFD", "\uD800", "\u200B", "İ", "ß", "💥", "_" };
        for (var i = 0; i < 5_000; i++)
        {
            var platform = string.Concat(Enumerable.Range(0, random.Next(1, 8)).Select(_ => pieces[random.Next(pieces.Length)]));
            if (ApiKeySecret.TryGetOriginOfPlatform(platform, out var origin))
                Assert.Equal(platform, ApiKeySecret.PlatformOf(origin));
            var bytes = new byte[random.Next(1, 40)];
            random.NextBytes(bytes);
            if (ApiKeySecret.TryGetOrigin(KeyOf(bytes), out var decoded))
                Assert.Equal(Encoding.Latin1.GetString(bytes), ApiKeySecret.PlatformOf(decoded));
        }
    }

    /// <summary>Base64url has several spellings of the same bytes when the last bits are not zero, and pieces of a length that no bytes have.</summary>
    [Theory]
    [InlineData("YR")]
    [InlineData("YWK")]
    [InlineData("Y")]
    [InlineData("YWJjZ")]
    [InlineData("_____")]
    public void A_platform_in_bad_base64url_has_no_origin(string encoded)
    {
        var key = WithChecksum($"pwt_{encoded}.{new string('0', 43)}");
        Assert.True(ApiKeySecret.IsWellFormed(key));
        Assert.False(ApiKeySecret.TryGetOrigin(key, out var origin));
        Assert.Null(origin);
    }

    [Fact, Trait("Case", "K3")]
    public void Every_change_of_one_character_is_refused()
    {
        const string Tried = Base62 + "-_. +/=\n\0é０";
        for (var position = 0; position < ExampleKey.Length; position++)
        {
            foreach (var c in Tried.Where(c => c != ExampleKey[position]))
            {
                var changed = ExampleKey[..position] + c + ExampleKey[(position + 1)..];
                Assert.False(ApiKeySecret.IsWellFormed(changed), changed);
                Assert.False(ApiKeySecret.TryGetOrigin(changed, out _), changed);
            }
        }
    }

    [Fact, Trait("Case", "K3")]
    public void Every_cut_every_doubling_and_every_swap_is_refused()
    {
        for (var position = 0; position < ExampleKey.Length; position++)
        {
            Assert.False(ApiKeySecret.IsWellFormed(ExampleKey.AsSpan(0, position)));
            Assert.False(ApiKeySecret.IsWellFormed(ExampleKey.Remove(position, 1)));
            Assert.False(ApiKeySecret.IsWellFormed(ExampleKey.Insert(position, ExampleKey[position].ToString())));
            if (position > 0 && ExampleKey[position] != ExampleKey[position - 1])
                Assert.False(ApiKeySecret.IsWellFormed(ExampleKey.Remove(position, 1).Insert(position - 1, ExampleKey[position].ToString())));
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("pwt_")]
    [InlineData("Bearer " + ExampleKey)]
    [InlineData(ExampleKey + "\n")]
    [InlineData(ExampleKey + " ")]
    [InlineData(" " + ExampleKey)]
    [InlineData("PWT_aWQuZXhhbXBsZS5vcmc.00000000000000000000000000000000000000000014BVUv9")]
    [InlineData("eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl")]
    public void What_is_no_key_is_refused(string text) => Assert.False(ApiKeySecret.IsWellFormed(text));

    [Fact]
    public void A_key_without_a_platform_is_refused() => Assert.False(ApiKeySecret.IsWellFormed(WithChecksum($"pwt_.{new string('0', 43)}")));

    [Fact]
    public void A_key_of_the_greatest_length_is_accepted_and_one_character_more_is_not()
    {
        string OfLength(int length) => WithChecksum($"pwt_{new string('A', length - 54)}.{new string('0', 43)}");
        Assert.Equal(ApiKeySecret.MaximumLength, OfLength(ApiKeySecret.MaximumLength).Length);
        Assert.True(ApiKeySecret.IsWellFormed(OfLength(ApiKeySecret.MaximumLength)));
        Assert.False(ApiKeySecret.IsWellFormed(OfLength(ApiKeySecret.MaximumLength + 1)));
    }

    [Fact]
    public void The_longest_host_name_still_gives_a_well_formed_key()
    {
        var host = string.Join('.', Enumerable.Repeat(new string('a', 62), 4));
        Assert.True(ApiKeySecret.IsWellFormed(ApiKeySecret.Generate(new Uri($"http://{host}:65535")).Reveal()));
    }

    [Fact, Trait("Case", "K3")]
    public void Ten_thousand_keys_are_distinct_and_match_the_published_expression()
    {
        Assert.Equal(@"pwt_[0-9A-Za-z_-]{2,458}\.[0-9A-Za-z]{49}", ApiKeySecret.Pattern);
        var published = new Regex($"^{ApiKeySecret.Pattern}$", RegexOptions.NonBacktracking);
        var seen = new HashSet<string>();
        for (var i = 0; i < 10_000; i++)
        {
            var key = ApiKeySecret.Generate(s_example).Reveal();
            Assert.True(ApiKeySecret.IsWellFormed(key), key);
            Assert.Matches(published, key);
            Assert.True(seen.Add(key), key);
        }
    }

    [Fact, Trait("Case", "C5")]
    public void The_characters_of_a_secret_are_flat_at_every_position()
    {
        var secrets = new List<string>();
        for (var i = 0; i < 10_000; i++)
            secrets.Add(ApiKeySecret.Generate(s_example).Reveal()[^49..^6]);
        Assert.All(secrets, secret => Assert.Equal(43, secret.Length));
        Assert.InRange(Statistics.WorstDeviation(secrets, Base62), -8, 8);
    }

    [Fact]
    public void A_secret_holds_at_least_256_bits() => Assert.True(43 * Math.Log2(62) >= 256);

    [Fact]
    public void Nothing_but_Reveal_shows_the_secret()
    {
        var key = ApiKeySecret.Generate(s_example);
        var secret = key.Reveal()[^49..^6];
        foreach (var shown in new[] { key.ToString(), $"{key}", string.Concat("key: ", key), JsonSerializer.Serialize(key), JsonSerializer.Serialize<object>(key) })
        {
            for (var i = 0; i + 4 <= secret.Length; i++)
                Assert.DoesNotContain(secret.Substring(i, 4), shown, StringComparison.Ordinal);
        }

        Assert.Equal($"pwt_….{key.Last4}", key.ToString());
        Assert.Equal(key.Reveal()[^4..], key.Last4);
    }

    [Fact]
    public void The_hash_is_the_SHA_256_of_the_whole_key_either_way()
    {
        var key = ApiKeySecret.Generate(s_example);
        var hash = new byte[ApiKeySecret.HashLength];
        ApiKeySecret.Hash(key.Reveal(), hash);
        Assert.Equal(SHA256.HashData(Encoding.ASCII.GetBytes(key.Reveal())), hash);
        Assert.Equal(hash, key.Hash());
    }

    [Fact]
    public void Checking_and_hashing_allocates_nothing()
    {
        var key = ApiKeySecret.Generate(s_example).Reveal();
        var wrong = key[..^1] + (key[^1] == 'a' ? 'b' : 'a');
        var hash = new byte[ApiKeySecret.HashLength];
        Assert.Equal((true, false), Check());
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++)
            Check();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        (bool, bool) Check()
        {
            ApiKeySecret.Hash(key, hash);
            return (ApiKeySecret.IsWellFormed(key), ApiKeySecret.IsWellFormed(wrong));
        }
    }

    [Theory]
    [InlineData("pwt_", true)]
    [InlineData("pwt_anything", true)]
    [InlineData("PWT_anything", false)]
    [InlineData("pwt", false)]
    [InlineData(" pwt_", false)]
    [InlineData("", false)]
    public void What_begins_like_a_key_claims_to_be_one(string text, bool expected) => Assert.Equal(expected, ApiKeySecret.LooksLikeKey(text));

    private static string KeyOf(byte[] platform) => WithChecksum($"pwt_{Base64Url.EncodeToString(platform)}.{new string('0', 43)}");

    private static string WithChecksum(string body)
    {
        var value = Crc32.Compute(body);
        var checksum = new char[6];
        for (var i = 5; i >= 0; i--, value /= 62)
            checksum[i] = Base62[(int)(value % 62)];
        return body + new string(checksum);
    }
}
