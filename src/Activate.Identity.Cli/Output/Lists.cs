using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Activate.Identity.Cli.Servers;

namespace Activate.Identity.Cli.Output;

/// <summary>Lists of credentials, which all have the same members.</summary>
internal static class Lists
{
    public static Task<int> ShowAsync(Call call, string path, string whenEmpty, CancellationToken cancellation) =>
        ShowAsync(call, path, whenEmpty, ["ID", "NAME", "LAST4", "SCOPES", "EXPIRES", "LAST USED", "STATE"], ApiJson.Default.CredentialItem, Row, cancellation);

    /// <summary>A list of items with members of their own.</summary>
    public static async Task<int> ShowAsync<T>(
        Call call, string path, string whenEmpty, string[] headers, JsonTypeInfo<T> type, Func<T, DateTimeOffset, string[]> row, CancellationToken cancellation) where T : class
    {
        using var api = call.Connect();
        Show(call, await api.ListAsync(path, cancellation), whenEmpty, headers, type, row);
        return ExitCodes.Done;
    }

    /// <summary>Items that were fetched already.</summary>
    public static void Show<T>(Call call, List<JsonElement> items, string whenEmpty, string[] headers, JsonTypeInfo<T> type, Func<T, DateTimeOffset, string[]> row) where T : class
    {
        if (call.Json)
        {
            call.Show(JsonText.Write(json =>
            {
                json.WriteStartObject();
                json.WriteStartArray("items");
                foreach (var item in items)
                    item.WriteTo(json);
                json.WriteEndArray();
                json.WriteEndObject();
            }));
        }
        else if (items.Count == 0)
        {
            call.Say(whenEmpty);
        }
        else
        {
            var now = call.Now;
            Tables.Write(call.Around, headers, items.Select(item => row(Read(item, type), now)));
        }
    }

    private static string[] Row(CredentialItem item, DateTimeOffset now) =>
    [
        item.Id ?? "", item.Name ?? "", item.Last4 ?? "", string.Join(' ', item.Scopes ?? []), Times.Full(item.ExpiresAt, now, "never"),
        Times.Full(item.LastUsedAt, now, "never") + (item.LastUsedFrom is null ? "" : $" from {item.LastUsedFrom}"), item.State ?? "",
    ];

    public static T Read<T>(JsonElement item, JsonTypeInfo<T> type) where T : class
    {
        try
        {
            return item.Deserialize(type)!;
        }
        catch (JsonException)
        {
            throw Failure.Failed("The server's list was not understood.");
        }
    }
}
