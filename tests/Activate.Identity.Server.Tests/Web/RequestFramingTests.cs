using Activate.Identity.Server.Tests.Connect;

namespace Activate.Identity.Server.Tests.Web;

/// <summary>Where a request ends: whatever a proxy could understand otherwise is refused, and the connection closed, so that nothing is left over for the next one.</summary>
public sealed class RequestFramingTests(SharedServer shared) : IClassFixture<SharedServer>
{
    public static TheoryData<string, string, string> Ambiguous => new()
    {
        { "both lengths, chunked wins", "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n" },
        { "both lengths, the other order", "Transfer-Encoding: chunked\r\nContent-Length: 60\r\n", "0\r\n\r\n" },
        { "two lengths", "Content-Length: 4\r\nContent-Length: 0\r\n", "" },
        { "two lengths in one", "Content-Length: 0, 4\r\n", "" },
        { "a length below nothing", "Content-Length: -1\r\n", "" },
        { "a length in hexadecimal", "Content-Length: 0x0\r\n", "" },
        { "a length with a space before the colon", "Content-Length : 0\r\n", "" },
        { "an encoding that is none", "Transfer-Encoding: xchunked\r\n", "0\r\n\r\n" },
        { "an encoding behind chunked", "Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n" },
        { "an encoding with a tab inside", "Transfer-Encoding: chun\tked\r\n", "0\r\n\r\n" },
        { "a folded header", "Content-Length:\r\n 0\r\n", "" },
        { "a bare LF in a chunk's extension", "Transfer-Encoding: chunked\r\n", "2;\nxx\r\nhi\r\n0\r\n\r\n" },
        { "a bare LF after a chunk's size", "Transfer-Encoding: chunked\r\n", "2\nhi\r\n0\r\n\r\n" },
        { "a chunk longer than it says", "Transfer-Encoding: chunked\r\n", "2\r\nhiho\r\n0\r\n\r\n" },
        { "a chunk's size with a sign", "Transfer-Encoding: chunked\r\n", "+2\r\nhi\r\n0\r\n\r\n" },
        { "a chunk's size beyond all", "Transfer-Encoding: chunked\r\n", "FFFFFFFFFFFFFFFFF\r\nhi\r\n0\r\n\r\n" },
    };

    [Theory, Trait("Case", "W21"), MemberData(nameof(Ambiguous))]
    public async Task What_ends_in_two_ways_is_refused_and_the_connection_closed(string what, string headers, string body)
    {
        foreach (var path in (string[])["/connect/token", "/sign-in", "/api/v1/api-keys"])
        {
            var answers = await SendAsync($"POST {path} HTTP/1.1\r\nHost: {shared.Server.Origin.Authority}\r\nContent-Type: application/x-www-form-urlencoded\r\n{headers}\r\n{body}");
            Assert.True(answers is [>= 400 and < 500], $"{what} at {path}: {string.Join(", ", answers)}");
        }
    }

    [Fact]
    public async Task What_ends_in_one_way_is_answered_and_so_is_the_next_on_the_same_connection()
    {
        foreach (var (headers, body) in ((string, string)[])[("Content-Length: 3\r\n", "a=b"), ("Transfer-Encoding: chunked\r\n", "3;extension=\"x\"\r\na=b\r\n0\r\n\r\n")])
        {
            var answers = await SendAsync($"POST /connect/token HTTP/1.1\r\nHost: {shared.Server.Origin.Authority}\r\nContent-Type: application/x-www-form-urlencoded\r\n{headers}\r\n{body}");
            Assert.Equal([400, 200], answers);
        }
    }

    /// <summary>The states of all that comes back until the server closes. Behind the request stands what was smuggled in: a second one, which would be answered with 200.</summary>
    private async Task<int[]> SendAsync(string request)
    {
        using var client = await RawHttp.OpenAsync(shared.Server, $"{request}GET /health/live HTTP/1.1\r\nHost: {shared.Server.Origin.Authority}\r\nConnection: close\r\n\r\n");
        var answers = await RawHttp.ReadToEndAsync(client).WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        return [.. RawHttp.StatesOf(answers).Select(state => int.Parse(state, System.Globalization.CultureInfo.InvariantCulture))];
    }
}
