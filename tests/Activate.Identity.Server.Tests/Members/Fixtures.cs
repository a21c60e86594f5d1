using Activate.Identity.Testing;
using static Activate.Identity.Server.Tests.ApiKeys.ApiCalls;

namespace Activate.Identity.Server.Tests.Members;

/// <summary>What administrators do with people, in one call each.</summary>
internal static class MemberCalls
{
    public const string MembersPath = "/api/v1/organization/members";
    public const string ChosenPassword = "nanoseconds of wire no. 7";

    private static int s_names;

    /// <summary>A username that no other test has.</summary>
    public static string NewName(string prefix = "member") => $"{prefix}-{Interlocked.Increment(ref s_names)}";

    public static Task<Answer> InviteAsync(this TestServer server, string bearer, string username, string? role = null, int node = 0) =>
        server.PostAsync(MembersPath, bearer, new { username, email = $"{username}@example.test", role }, node);

    /// <summary>The id of somebody who was invited, and the path of the link.</summary>
    public static async Task<(string Id, string Link)> InvitedAsync(this TestServer server, string bearer, string username, string? role = null)
    {
        var answer = await server.InviteAsync(bearer, username, role);
        Assert.True(answer.Status == 201, answer.ToString());
        return (answer.Text("id"), new Uri(answer.Text("invitationUrl")).PathAndQuery);
    }

    /// <summary>Opens the link and fills in the form.</summary>
    public static async Task<Browser> JoinAsync(this Browser browser, string link, string? name = null)
    {
        await browser.GoAsync(link);
        return await browser.SubmitAsync("Join", [.. name is null ? Array.Empty<(string, string)>() : [("DisplayName", name)], ("Password", ChosenPassword), ("Repeat", ChosenPassword)]);
    }
}
