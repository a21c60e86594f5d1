using System.Net.Http;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Data.Applications;
using Activate.Identity.Data.SecondFactors;
using Activate.Identity.Data.Tokens;
using Activate.Identity.Server.Web;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Activate.Identity.Server.Tests.Web;

public class ExpiredRowsTests
{
    [Theory, Trait("Case", "F8")]
    [EachDatabase]
    public async Task Two_nodes_that_delete_at_once_leave_nothing_and_do_not_fail(Data.DatabaseProvider provider)
    {
        await using var server = await TestServer.StartAsync(new() { Database = provider, Nodes = 2 });
        var owner = await server.QueryAsync(database => database.Users.Select(user => user.Id).SingleAsync());
        for (var round = 0; round < 3; round++)
        {
            await server.QueryAsync(database =>
            {
                var longAgo = server.Now.AddDays(-200);
                database.AddRange(Enumerable.Range(0, 1_000).Select(i => new EndedToken { Id = Guid.CreateVersion7(), ExpiresAt = longAgo.AddSeconds(i % 100) }));
                database.AddRange(Enumerable.Range(0, 1_000).Select(i => new TokenGrant
                {
                    Id = Guid.CreateVersion7(), Kind = CredentialKind.Session, OwnerId = owner, ClientId = TestServer.Cli, Name = "old", Scopes = "platform",
                    CreatedAt = longAgo.AddDays(-1), ExpiresAt = longAgo.AddSeconds(i % 100), ExpiresBecause = ExpiresBecause.Requested,
                }));
                return database.SaveChangesAsync();
            });
            await Task.WhenAll(Enumerable.Range(0, 2).Select(node => Task.Run(() => server.Services(node).GetRequiredService<ExpiredRows>().DeleteAsync(default))));
            Assert.Equal((0, 0), await server.QueryAsync(async database => (await database.EndedTokens.CountAsync(), await database.TokenGrants.CountAsync())));
        }
    }

    [Theory]
    [EachDatabase]
    public async Task What_has_ended_and_is_no_longer_listed_is_deleted_and_nothing_else(Data.DatabaseProvider provider)
    {
        await using var server = await TestServer.StartAsync(new() { FakeClock = true, Database = provider });
        var token = await server.LoginWithDeviceAsync(hours: 1);
        await server.CreateApiKeyAsync(token, "short", new { name = "short", expiresInDays = 7 });
        var endless = await server.CreateApiKeyAsync(token, "endless", new { name = "endless", expiresInDays = (int?)null });
        await server.StartDeviceAsync();
        await server.QueryAsync(async database =>
        {
            var now = server.Clock!.GetUtcNow().UtcDateTime;
            var owner = await database.Users.Select(user => user.Id).SingleAsync();
            database.Add(new AuthorizationCode
            {
                Id = Guid.CreateVersion7(now), Hash = [1], ClientId = "app", UserId = owner, Scopes = "openid", RedirectUri = "x", AuthenticatedAt = now, Methods = "pwd", ExpiresAt = now,
            });
            database.Add(new PushedRequest { Id = Guid.CreateVersion7(now), Hash = [1], ClientId = "app", Parameters = "{}", ExpiresAt = now });
            database.Add(new PendingSignIn { HandleHash = [1], UserId = owner, PasswordMark = [1], Methods = "pwd", ExpiresAt = now });
            database.Add(new EndedToken { Id = Guid.CreateVersion7(now), ExpiresAt = now });
            return await database.SaveChangesAsync();
        });

        await RoundAsync(TimeSpan.FromDays(8));
        Assert.Equal((2, 1, 0, 0, 0), await CountAsync());
        await RoundAsync(TimeSpan.FromDays(90));
        Assert.Equal((1, 0, 0, 0, 0), await CountAsync());
        Assert.Equal(200, (await server.ApiAsync(HttpMethod.Get, "/api/v1/me", endless.Key)).Status);

        async Task RoundAsync(TimeSpan later)
        {
            server.Clock!.Advance(later);
            await server.Services().GetRequiredService<ExpiredRows>().DeleteAsync(default);
        }

        Task<(int Keys, int Grants, int Devices, int Codes, int Others)> CountAsync() => server.QueryAsync(async database => (
            await database.ApiKeys.CountAsync(), await database.TokenGrants.CountAsync(), await database.DeviceRequests.CountAsync(),
            await database.AuthorizationCodes.CountAsync(), await database.PushedRequests.CountAsync() + await database.EndedTokens.CountAsync() + await database.PendingSignIns.CountAsync()));
    }
}
