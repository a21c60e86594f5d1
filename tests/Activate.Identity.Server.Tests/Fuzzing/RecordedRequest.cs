using System.Globalization;
using System.Text;

namespace Activate.Identity.Server.Tests.Fuzzing;

/// <summary>A request byte by byte, as it came or as it might. Text is Latin-1: each character is the byte that goes over the wire.</summary>
/// <param name="Method">Any token.</param>
/// <param name="Target">Path and query, encoded.</param>
/// <param name="Headers">In order, but for those that frame the request.</param>
/// <param name="Body">Empty: there is none.</param>
internal sealed record RecordedRequest(string Method, string Target, IReadOnlyList<(string Name, string Value)> Headers, string Body)
{
    public string? ContentType => Headers.FirstOrDefault(header => header.Name.Equals("Content-Type", StringComparison.OrdinalIgnoreCase)).Value;

    /// <summary>Its length is told as it is, and the connection ends with the answer.</summary>
    public override string ToString()
    {
        var text = new StringBuilder().Append(CultureInfo.InvariantCulture, $"{Method} {Target} HTTP/1.1\r\n");
        foreach (var (name, value) in Headers)
            text.Append(CultureInfo.InvariantCulture, $"{name}: {value}\r\n");
        if (Body.Length > 0 || Method is "POST" or "PUT" or "PATCH")
            text.Append(CultureInfo.InvariantCulture, $"Content-Length: {Body.Length}\r\n");
        return text.Append("Connection: close\r\n\r\n").Append(Body).ToString();
    }
}
