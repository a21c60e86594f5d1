using System.Buffers.Text;
using System.Security.Cryptography;
using Activate.Identity.Core.Applications;

namespace Activate.Identity.Core.Tests.Applications;

public class ApplicationKeySetTests
{
    [Fact]
    public void Public_keys_are_kept_with_the_members_that_count()
    {
        var (rsa, ec) = (Rsa(2048), Ec());
        var json = $$"""{"keys":[{"kty":"RSA","n":"{{rsa.N}}","e":"{{rsa.E}}","kid":"a","alg":"PS256","x5c":["MII"],"use":"sig"},{"kty":"EC","crv":"P-256","x":"{{ec.X}}","y":"{{ec.Y}}"}]}""";
        Assert.True(ApplicationKeySet.Parse(json).TryGet(out var kept, out var problem), problem?.Detail);
        Assert.Equal($$"""{"keys":[{"kty":"RSA","n":"{{rsa.N}}","e":"{{rsa.E}}","kid":"a","alg":"PS256","use":"sig"},{"kty":"EC","crv":"P-256","x":"{{ec.X}}","y":"{{ec.Y}}","use":"sig"}]}""", kept);
        Assert.True(ApplicationKeySet.Parse(kept).TryGet(out var again, out _));
        Assert.Equal(kept, again);
        // One key alone is a set of one.
        Assert.True(ApplicationKeySet.Parse($$"""{"kty":"EC","crv":"P-256","x":"{{ec.X}}","y":"{{ec.Y}}"}""").TryGet(out var single, out _));
        Assert.StartsWith("""{"keys":[""", single, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("d")]
    [InlineData("p")]
    [InlineData("k")]
    [InlineData("oth")]
    public void A_private_key_is_refused_and_not_repeated(string member)
    {
        var rsa = Rsa(2048);
        var problem = ApplicationKeySet.Parse($$"""{"keys":[{"kty":"RSA","n":"{{rsa.N}}","e":"{{rsa.E}}","{{member}}":"c2VjcmV0"}]}""").Problem;
        Assert.Equal("jwks_private", problem?.Code);
        Assert.DoesNotContain("c2VjcmV0", problem!.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void Weak_keys_other_curves_and_points_beside_the_curve_are_refused()
    {
        var (weak, strong, ec) = (Rsa(1024), Rsa(2048), Ec());
        Assert.Equal("jwks_weak", Code($$"""{"kty":"RSA","n":"{{weak.N}}","e":"{{weak.E}}"}"""));
        Assert.Equal("jwks_weak", Code($$"""{"kty":"RSA","n":"{{strong.N}}","e":"AQ"}"""));
        Assert.Equal("jwks_weak", Code($$"""{"kty":"RSA","n":"{{strong.N}}","e":"Aw"}"""));
        Assert.Equal("jwks_invalid", Code($$"""{"kty":"RSA","n":"AA{{weak.N}}AAAA{{weak.N}}","e":"AQAB"}"""));
        Assert.Equal("jwks_invalid", Code($$"""{"kty":"EC","crv":"P-256","x":"{{ec.X}}","y":"{{ec.X}}"}"""));
        Assert.Equal("jwks_invalid", Code($$"""{"kty":"EC","crv":"P-384","x":"{{ec.X}}","y":"{{ec.Y}}"}"""));
        Assert.Equal("jwks_invalid", Code($$"""{"kty":"EC","crv":"P-256","x":"{{ec.X}}","y":"{{ec.Y}}","alg":"RS256"}"""));
        Assert.Equal("jwks_invalid", Code($$"""{"kty":"EC","crv":"P-256","x":"{{ec.X}}","y":"{{ec.Y}}","use":"enc"}"""));
        Assert.Equal("jwks_invalid", Code($$"""{"kty":"EC","crv":"P-256","x":"{{ec.X}} ","y":"{{ec.Y}}"}"""));
    }

    [Theory]
    [InlineData("")]
    [InlineData("x")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{"keys":null}""")]
    [InlineData("""{"keys":[]}""")]
    [InlineData("""{"keys":[1]}""")]
    [InlineData("""{"keys":[{"kty":"oct"}]}""")]
    [InlineData("""{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AA"}]}""")]
    [InlineData("""{"keys":[],"keys":[]}""")]
    [InlineData("""{"keys":[{"kty":"RSA","n":1,"e":"AQAB"}]}""")]
    [InlineData("""{"keys":[{"kty":"RSA","n":"","e":"AQAB"}]}""")]
    [InlineData("""{"keys":[{"kty":"EC","crv":"P-256","kid":""}]}""")]
    [InlineData("""{"keys":[{"kty":"\ud800"}]}""")]
    [InlineData("""{"keys":[{"kty":"EC","crv":"P-256","kid":"\ud800"}]}""")]
    public void What_is_no_key_set_is_refused(string json) => Assert.Equal(("jwks_invalid", "jwks"), (ApplicationKeySet.Parse(json).Problem?.Code, ApplicationKeySet.Parse(json).Problem?.Field));

    [Fact]
    public void Every_key_has_an_id_of_its_own()
    {
        var ec = Ec();
        var key = $$"""{"kty":"EC","crv":"P-256","x":"{{ec.X}}","y":"{{ec.Y}}","kid":"1"}""";
        Assert.Equal("jwks_invalid", Code($$"""{"keys":[{{key}},{{key}}]}"""));
        Assert.Equal("jwks_invalid", Code($$"""{"keys":[{{string.Join(',', Enumerable.Repeat(key.Replace(",\"kid\":\"1\"", "", StringComparison.Ordinal), 11))}}]}"""));
    }

    private static string? Code(string json) => ApplicationKeySet.Parse(json).Problem?.Code;

    private static (string N, string E) Rsa(int bits)
    {
        using var key = RSA.Create(bits);
        var parameters = key.ExportParameters(includePrivateParameters: false);
        return (Base64Url.EncodeToString(parameters.Modulus), Base64Url.EncodeToString(parameters.Exponent));
    }

    private static (string X, string Y) Ec()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var point = key.ExportParameters(includePrivateParameters: false).Q;
        return (Base64Url.EncodeToString(point.X), Base64Url.EncodeToString(point.Y));
    }
}
