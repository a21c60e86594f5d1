using System.Text.Json;

namespace Activate.Identity.Cli.Output;

internal static class Bodies
{
    /// <summary>Nothing given means that nothing is sent: the server has a default.</summary>
    public static void WriteList(Utf8JsonWriter json, string member, string[]? values)
    {
        if (values is not { Length: > 0 })
            return;
        json.WriteStartArray(member);
        foreach (var value in values)
            json.WriteStringValue(value);
        json.WriteEndArray();
    }
}
