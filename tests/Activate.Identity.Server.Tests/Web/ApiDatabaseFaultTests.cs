using System.Diagnostics;
using Activate.Identity.Core.ApiKeys;
using Activate.Identity.Data;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Testing;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using static Activate.Identity.Server.Tests.ApiKeys.ApiCalls;

namespace Activate.Identity.Server.Tests.Web;

public class ApiDatabaseFaultTests
{
    [Fact]
    [Trait("Case", "F3")]
    public async Task While_SQLite_is_locked_writes_are_answered_503_reads_go_on_and_nothing_is_half_done()
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { Database = DatabaseProvider.Sqlite });
        var (user, session) = await server.AddPersonAsync();
        var key = await server.CreateApiKeyAsync(session, "before");
        await using (var other = new SqliteConnection($"Data Source={server.SqliteFile};Pooling=False"))
        {
            await other.OpenAsync();
            await using (var begin = other.CreateCommand())
            {
                begin.CommandText = "BEGIN EXCLUSIVE";
                await begin.ExecuteNonQueryAsync();
            }

            var watch = Stopwatch.StartNew();
            var answers = await Task.WhenAll(
                server.PostAsync(KeysPath, session, new { name = "during" }),
                server.PostAsync("/api/v1/tokens", session, new { }),
                server.PostAsync($"{KeysPath}/{key.Id}/rotate", session),
                server.PatchAsync($"{KeysPath}/{key.Id}", session, new { name = "renamed" }),
                server.DeleteAsync($"{KeysPath}/{key.Id}", session));
            Assert.All(answers, answer =>
            {
                answer.AssertProblem(503, "temporarily_unavailable");
                Assert.Equal("2", answer.Header("Retry-After"));
            });
            Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(8));
            Assert.Equal(200, (await server.GetAsync("/api/v1/me", key.Key)).Status);
            Assert.Equal(1, (await server.GetAsync(KeysPath, session)).Items());
            Assert.Equal(200, (await server.GetAsync("/health/live", null)).Status);
        }

        Assert.Equal(1, await server.QueryAsync(database => database.ApiKeyHashes.CountAsync(hash => hash.ApiKey!.OwnerId == user.Id)));
        Assert.Equal("before", (await server.GetAsync($"{KeysPath}/{key.Id}", session)).Text("name"));
        Assert.Equal(0, (await server.GetAsync("/api/v1/tokens", session)).Items());
        // No audit event tells of what did not happen.
        Assert.Equal(1, await server.QueryAsync(database => database.AuditEvents.CountAsync(e => e.ActorId == user.Id)));
        Assert.Equal(201, (await server.PostAsync(KeysPath, session, new { name = "during" })).Status);
        Assert.Equal(204, (await server.DeleteAsync($"{KeysPath}/{key.Id}", session)).Status);
    }

    [Fact]
    [Trait("Case", "F3")]
    [Trait("Case", "K3")]
    public async Task While_PostgreSQL_is_down_credentials_are_neither_accepted_nor_called_invalid_and_afterwards_all_is_well()
    {
        await using var postgres = await StoppablePostgreSql.StartNewAsync();
        await using var server = await TestServer.StartAsync(new TestServerOptions
        {
            Settings = new Dictionary<string, string?> { ["Database:Provider"] = nameof(DatabaseProvider.PostgreSql), ["Database:ConnectionString"] = postgres.ConnectionString },
        });
        var (_, session) = await server.AddPersonAsync();
        var key = await server.CreateApiKeyAsync(session, "before");
        Assert.Equal(200, (await server.GetAsync("/health/ready", null)).Status);
        // Several connections, so that recovery has to get over more than one broken one.
        await TogetherAsync(16, i => server.GetAsync(KeysPath, i % 2 == 0 ? key.Key : session));
        await postgres.StopAsync();
        await Task.Delay(1000);
        foreach (var call in (Func<Task<Answer>>[])
                 [() => server.GetAsync("/api/v1/me", key.Key), () => server.GetAsync("/api/v1/me", session), () => server.PostAsync(KeysPath, session, new { name = "during" }), () => server.GetAsync("/api/v1/me", ApiKeySecret.Generate(server.Origin).Reveal())])
        {
            var watch = Stopwatch.StartNew();
            var answer = await call();
            answer.AssertProblem(503, "temporarily_unavailable");
            Assert.Equal("2", answer.Header("Retry-After"));
            Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(2));
        }

        // A wrong checksum needs no database.
        (await server.GetAsync("/api/v1/me", key.Key[..^1] + (key.Key[^1] == 'a' ? 'b' : 'a'))).AssertProblem(401, "invalid_credential");
        Assert.Equal(503, (await server.GetAsync("/health/ready", null)).Status);
        Assert.Equal(200, (await server.GetAsync("/health/live", null)).Status);
        using (var browser = server.Browser())
            Assert.Equal(503, (int)(await browser.GoAsync("/device")).Response.StatusCode is var status && status == 302 ? 503 : status);
        await postgres.StartAsync();
        var recovery = Stopwatch.StartNew();
        Answer back;
        do
            back = await server.GetAsync("/api/v1/me", key.Key);
        while (back.Status == 503 && recovery.Elapsed < TimeSpan.FromSeconds(5));
        Assert.Equal(200, back.Status);
        Assert.InRange(recovery.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(2));
        Assert.All(await TogetherAsync(32, _ => server.GetAsync(KeysPath, session)), answer => Assert.Equal(200, answer.Status));
        Assert.Equal(1, (await server.GetAsync(KeysPath, session)).Items());
        Assert.Equal(201, (await server.PostAsync(KeysPath, session, new { name = "after" })).Status);
        Assert.Equal(200, (await server.GetAsync("/health/ready", null)).Status);
        Assert.DoesNotContain(server.Logs.Lines, line => line.Contains("Unhandled exception", StringComparison.Ordinal));
    }

    [Theory]
    [Trait("Case", "B4")]
    [EachDatabase]
    public async Task The_longest_names_fit_every_column_they_go_to(DatabaseProvider database)
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { Database = database });
        var (_, session) = await server.AddPersonAsync();
        // 128 UTF-16 units; 64 that grow when normalized; the rename event holds both names.
        var smileys = string.Concat(Enumerable.Repeat("\U0001F600", 64));
        foreach (var name in (string[])[smileys, new string('\u0149', 64), new string('\u3316', 40), string.Concat(Enumerable.Repeat("\u00e9", 64))])
        {
            var answer = await server.PostAsync(KeysPath, session, new { name });
            Assert.True(answer.Status is 201 or 400, answer.ToString());
            if (answer.Status != 201)
                continue;
            Assert.Equal(name, answer.Text("name"));
            foreach (var renamed in (string[])[$"x{smileys[2..]}", smileys[2..]])
                Assert.Equal(200, (await server.PatchAsync($"{KeysPath}/{answer.Text("id")}", session, new { name = renamed })).Status);
            Assert.Equal(204, (await server.DeleteAsync($"{KeysPath}/{answer.Text("id")}", session)).Status);
            Assert.Equal(201, (await server.PostAsync("/api/v1/tokens", session, new { name })).Status);
        }

        Assert.DoesNotContain(server.Logs.Lines, line => line.Contains("Unhandled exception", StringComparison.Ordinal));
    }
}
