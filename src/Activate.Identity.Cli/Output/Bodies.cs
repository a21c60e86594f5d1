using System.Text.Json;

namespace Activate.Identity.Cli.Output;

internal static class Bodies
{
    /// <summary>No scope given means that none is sent: the server has a default.</summary>
    public static void WriteScopes(Utf8JsonWriter json, string[]? scopes)
    {
        if (scopes is not { Length: > 0 })
            return;
        json.WriteStartArray("scopes");
        foreach (var scope in scopes)
            json.WriteStringValue(scope);
        json.WriteEndArray();
    }
}
