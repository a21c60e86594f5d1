using System.Diagnostics;
using Activate.Identity.Server.Accounts;
using Activate.Identity.Testing;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using NSec.Cryptography;

namespace Activate.Identity.Server.Tests.Accounts;

[Trait("Case", "C4")]
public sealed class PasswordHasherTests(ITestOutputHelper output)
{
    [Fact]
    public void A_hash_says_how_it_was_made_and_differs_each_time()
    {
        var hash = PasswordHasher.Hash("correct mule cell clip");
        Assert.Matches(@"^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$", hash);
        Assert.NotEqual(hash, PasswordHasher.Hash("correct mule cell clip"));
        Assert.Equal(PasswordVerificationResult.Success, PasswordHasher.Verify(hash, "correct mule cell clip"));
        Assert.Equal(PasswordVerificationResult.Failed, PasswordHasher.Verify(hash, "correct mule cell clap"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("$argon2id$v=19$m=19456,t=2,p=1$$")]
    [InlineData("$argon2i$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    [InlineData("$argon2id$v=16$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    [InlineData("$argon2id$v=19$m=19456,t=2,p=4$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    [InlineData("$argon2id$v=19$m=999999999,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    [InlineData("$argon2id$v=19$m=-1,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    [InlineData("$argon2id$v=19$m=19456,t=2,p=1$????$AAAA")]
    [InlineData("AQAAAAIAAYagAAAAEExample")]
    [InlineData("plain text")]
    public void An_unknown_format_matches_nothing(string hash) => Assert.Equal(PasswordVerificationResult.Failed, PasswordHasher.Verify(hash, "plain text"));

    [Fact]
    public void A_password_of_more_than_a_megabyte_is_refused_before_hashing()
    {
        var hash = PasswordHasher.Hash("correct mule cell clip");
        var start = Stopwatch.GetTimestamp();
        Assert.Equal(PasswordVerificationResult.Failed, PasswordHasher.Verify(hash, new string('x', (1024 * 1024) + 1)));
        Assert.Equal(PasswordVerificationResult.Failed, PasswordHasher.Verify(hash, new string('é', 600 * 1024)));
        Assert.Throws<ArgumentException>(() => PasswordHasher.Hash(new string('x', (1024 * 1024) + 1)));
        Assert.Throws<ArgumentException>(() => PasswordHasher.Hash("lone \uD800 surrogate"));
        output.WriteLine($"four refusals: {Stopwatch.GetElapsedTime(start).TotalMilliseconds:0.0} ms");
    }

    [Fact]
    public async Task Signing_in_with_an_older_hash_renews_it()
    {
        await using var server = await TestServer.StartAsync();
        var salt = new byte[16];
        var hash = new Argon2id(new Argon2Parameters { DegreeOfParallelism = 1, MemorySize = 8192, NumberOfPasses = 1 }).DeriveBytes(System.Text.Encoding.UTF8.GetBytes(TestServer.OwnerPassword), salt, 32);
        var old = $"$argon2id$v=19$m=8192,t=1,p=1${Convert.ToBase64String(salt).TrimEnd('=')}${Convert.ToBase64String(hash).TrimEnd('=')}";
        await server.QueryAsync(database => database.Users.ExecuteUpdateAsync(set => set.SetProperty(u => u.PasswordHash, old)));
        using var browser = server.Browser();
        await browser.SignInAsync(password: "wrong password");
        Assert.Equal(old, await HashAsync());
        await browser.SignInAsync();
        Assert.Contains("Welcome, ada", browser.PageText, StringComparison.Ordinal);
        Assert.StartsWith("$argon2id$v=19$m=19456,t=2,p=1$", await HashAsync(), StringComparison.Ordinal);
        await browser.SubmitAsync("Sign out");
        await browser.SignInAsync();
        Assert.Contains("Welcome, ada", browser.PageText, StringComparison.Ordinal);

        Task<string?> HashAsync() => server.QueryAsync(database => database.Users.Select(u => u.PasswordHash).SingleAsync());
    }

    [Fact]
    public void A_hash_costs_an_attacker_milliseconds_not_microseconds()
    {
        PasswordHasher.Hash("warm-up warm-up");
        var start = Environment.CpuUsage.TotalTime;
        var stopwatch = Stopwatch.GetTimestamp();
        for (var i = 0; i < 10; i++)
            PasswordHasher.Hash("correct mule cell clip");
        output.WriteLine($"one hash: {Stopwatch.GetElapsedTime(stopwatch).TotalMilliseconds / 10:0.0} ms, {(Environment.CpuUsage.TotalTime - start).TotalMilliseconds / 10:0.0} ms of processor");
        Assert.True(Stopwatch.GetElapsedTime(stopwatch).TotalMilliseconds / 10 > 5, "The figures of the hash are too weak, or it was not computed.");
    }
}
