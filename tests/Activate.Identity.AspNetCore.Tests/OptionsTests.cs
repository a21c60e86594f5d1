using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;

namespace Activate.Identity.AspNetCore.Tests;

/// <summary>A resource server that is set up wrongly says so when it starts.</summary>
public sealed class OptionsTests
{
    private static readonly Dictionary<string, string?> s_right = new()
    {
        ["ActivateIdentity:Issuer"] = "https://id.example.org", ["ActivateIdentity:ClientId"] = "rs", ["ActivateIdentity:ClientSecret"] = "pws_hidden",
        ["ActivateIdentity:Audiences:0"] = "https://api.example.org",
    };

    [Theory]
    [InlineData("Issuer", "", "Issuer")]
    [InlineData("Issuer", "id.example.org", "Issuer")]
    [InlineData("Issuer", "ftp://id.example.org", "Issuer")]
    [InlineData("Issuer", "http://id.example.org", "https")]
    [InlineData("Issuer", "https://id.example.org/path", "Issuer")]
    [InlineData("Issuer", "https://id.example.org/?q", "Issuer")]
    [InlineData("Issuer", "https://ada@id.example.org/", "Issuer")]
    [InlineData("ClientId", "", "ClientId")]
    [InlineData("ClientSecret", " ", "ClientSecret")]
    [InlineData("Audiences:0", "platform", "Audiences")]
    [InlineData("Audiences:0", "https://a b", "Audiences")]
    [InlineData("Audiences:0", "https://a\"b", "Audiences")]
    [InlineData("CacheDuration", "00:00:31", "CacheDuration")]
    [InlineData("CacheDuration", "-00:00:01", "CacheDuration")]
    [InlineData("CacheSize", "99", "CacheSize")]
    [InlineData("Timeout", "00:00:31", "Timeout")]
    [InlineData("Timeout", "00:00:00", "Timeout")]
    public async Task What_is_wrong_is_named_at_the_start_without_the_secret(string setting, string value, string named)
    {
        // Not through WebApplicationFactory: it races with an application that ends at its start, and may report that instead of why.
        var builder = WebApplication.CreateSlimBuilder();
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>(s_right) { [$"ActivateIdentity:{setting}"] = value, ["Urls"] = "http://127.0.0.1:0" });
        builder.Services.AddActivateIdentity();
        await using var app = builder.Build();
        var failure = await Assert.ThrowsAsync<OptionsValidationException>(() => app.StartAsync());
        Assert.Contains($"ActivateIdentity:{setting.Split(':')[0]} ", failure.Message, StringComparison.Ordinal);
        Assert.Contains(named, failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("pws_hidden", failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("https://id.example.org", "https://id.example.org/")]
    [InlineData("https://id.example.org:8443/", "https://id.example.org:8443/")]
    [InlineData("HTTPS://ID.example.org", "https://id.example.org/")]
    [InlineData("https://bücher.example", "https://xn--bcher-kva.example/")]
    [InlineData("http://localhost:5080", "http://localhost:5080/")]
    [InlineData("http://127.0.0.1:5080", "http://127.0.0.1:5080/")]
    [InlineData("http://[::1]:5080", "http://[::1]:5080/")]
    public async Task The_issuer_is_read_as_the_server_writes_it(string setting, string issuer)
    {
        Assert.Equal(issuer, new ActivateIdentityOptions { Issuer = new Uri(setting) }.IssuerText);
        await using var sample = new SampleServer(new Dictionary<string, string?>(s_right) { ["ActivateIdentity:Issuer"] = setting });
        Assert.Equal(200, (await sample.GetAsync("/", (string?)null)).Status);
    }
}
