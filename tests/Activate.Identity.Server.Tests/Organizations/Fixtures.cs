using System.Net.Http;
using System.Net.Http.Headers;
using System.Text.Json;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Data.Organizations;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Activate.Identity.Server.Tests.Organizations;

/// <summary>What administrators do with a policy, in one call each.</summary>
internal static class PolicyCalls
{
    public const string PolicyPath = TestServer.PolicyPath;

    /// <summary>An organization of its own, so that tests on one server do not govern each other, with its owner's session.</summary>
    public static async Task<(Organization Organization, User Owner, string Session)> AddOrganizationAsync(this TestServer server)
    {
        var organization = await server.CreateOrganizationAsync($"org-{Guid.NewGuid():N}"[..20]);
        var (owner, session) = await server.AddPersonAsync(Role.Owner, organization.Id);
        return (organization, owner, session);
    }

    public static Task<Answer> PreviewAsync(this TestServer server, string bearer, object policy, string mode = "shorten", int graceDays = 0, string query = "") =>
        server.ApiAsync(HttpMethod.Post, $"{PolicyPath}/preview{query}", new AuthenticationHeaderValue("Bearer", bearer), TestServer.PolicyChange(policy, mode, graceDays));

    /// <summary>Rewrites the rows that cuts are about. The server does it beside: what it has taken is waited for.</summary>
    public static async Task RewriteCutsAsync(this TestServer server, int node = 0)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(15));
        while (true)
        {
            await server.Services(node).GetRequiredService<CutRewriter>().RewriteAsync(patience.Token);
            // Not those that a test holds back, for a year.
            var soon = server.Now.AddHours(1);
            if (!await server.QueryAsync(database => database.PolicyCuts.AnyAsync(cut => cut.DoneAt == null && cut.ClaimedUntil < soon)))
                return;
            await Task.Delay(50, patience.Token);
        }
    }

    public static DateTime? Time(this JsonElement json, string member) => json.GetProperty(member) is { ValueKind: JsonValueKind.String } time ? time.GetDateTime() : null;
}
