using System.Net.Http.Headers;
using System.Net.Http.Json;

namespace Activate.Identity.Testing;

/// <summary>An organization's policy, as its administrators change it.</summary>
public sealed partial class TestServer
{
    public const string PolicyPath = "/api/v1/organization/policy";

    /// <summary>A change of the policy, and what becomes of what there is.</summary>
    public static JsonContent PolicyChange(object policy, string mode, int graceDays) => JsonContent.Create(new { policy, existing = new { mode, graceDays } });

    public async Task<string> PolicyTagAsync(string bearer) => (await ApiAsync(HttpMethod.Get, PolicyPath, bearer)).Header("ETag")!;

    /// <summary>PUT with the ETag of now, or another.</summary>
    public async Task<Answer> SetPolicyAsync(string bearer, object policy, string mode = "keep", int graceDays = 0, string? etag = null, int node = 0)
    {
        using var client = Client(node);
        using var request = new HttpRequestMessage(HttpMethod.Put, PolicyPath) { Content = PolicyChange(policy, mode, graceDays) };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", bearer);
        request.Headers.TryAddWithoutValidation("If-Match", etag ?? await PolicyTagAsync(bearer));
        return await Answer.FromAsync(await client.SendAsync(request));
    }
}
