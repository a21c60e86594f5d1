using System.Net.Http;
using System.Text;
using Activate.Identity.Testing;

namespace Activate.Identity.Server.Tests.ApiKeys;

/// <summary>One server for a class of tests, with a clock that only the tests move. Each test makes users of its own.</summary>
public sealed class ClockedServer : IAsyncLifetime
{
    public TestServer Server { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Server = await TestServer.StartAsync(new TestServerOptions { FakeClock = true });

    public ValueTask DisposeAsync() => Server.DisposeAsync();
}

internal static class ApiCalls
{
    public const string KeysPath = "/api/v1/api-keys";

    public static Task<Answer> GetAsync(this TestServer server, string path, string? bearer, int node = 0) => server.ApiAsync(HttpMethod.Get, path, bearer, node: node);

    public static Task<Answer> PostAsync(this TestServer server, string path, string? bearer, object? body = null, int node = 0) => server.ApiAsync(HttpMethod.Post, path, bearer, body, node);

    public static Task<Answer> DeleteAsync(this TestServer server, string path, string? bearer, int node = 0) => server.ApiAsync(HttpMethod.Delete, path, bearer, node: node);

    public static Task<Answer> PatchAsync(this TestServer server, string path, string? bearer, object body) => server.ApiAsync(HttpMethod.Patch, path, bearer, body);

    /// <summary>A body that is sent exactly as written.</summary>
    public static Task<Answer> SendTextAsync(this TestServer server, HttpMethod method, string path, string bearer, string body, string contentType = "application/json") =>
        server.ApiAsync(method, path, new("Bearer", bearer), new StringContent(body, Encoding.UTF8, new System.Net.Http.Headers.MediaTypeHeaderValue(contentType)));

    /// <summary>A problem document as the contract wants it, that tells nothing of our insides.</summary>
    public static void AssertProblem(this Answer answer, int status, string? code = null, string? field = null)
    {
        Assert.True(answer.Status == status, $"expected {status}: {answer}");
        Assert.Equal("application/problem+json", answer.Response.Content.Headers.ContentType?.MediaType);
        Assert.Equal(status, answer.Json.GetProperty("status").GetInt32());
        Assert.Matches("^[a-z][a-z_]+$", answer.Error);
        if (code is not null)
            Assert.Equal(code, answer.Error);
        Assert.Contains("no-store", answer.Header("Cache-Control"), StringComparison.Ordinal);
        Assert.False(string.IsNullOrWhiteSpace(answer.Text("detail")));
        foreach (var inside in (string[])["System.", "Exception", "Activate.Identity.", "   at ", "Microsoft.", "SELECT ", "sqlite"])
            Assert.DoesNotContain(inside, answer.Body, StringComparison.OrdinalIgnoreCase);
        if (field is not null)
            Assert.True(answer.Has("errors") && answer.Json.GetProperty("errors").TryGetProperty(field, out var texts) && texts.GetArrayLength() > 0, $"no errors.{field}: {answer}");
        Assert.Equal(status == 401 || answer.Error == "insufficient_scope", answer.Header("WWW-Authenticate")?.StartsWith("Bearer", StringComparison.Ordinal) == true);
    }

    public static int Items(this Answer list) => list.Json.GetProperty("items").GetArrayLength();

    /// <summary>Releases all at one barrier and waits for all.</summary>
    public static async Task<Answer[]> TogetherAsync(int count, Func<int, Task<Answer>> call)
    {
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var calls = Enumerable.Range(0, count).Select(async i =>
        {
            await gate.Task;
            return await call(i);
        }).ToArray();
        gate.SetResult();
        return await Task.WhenAll(calls);
    }
}
