using System.Text.Json;
using Activate.Identity.Cli.Servers;

namespace Activate.Identity.Cli.Output;

/// <summary>Lists of credentials, which all have the same members.</summary>
internal static class Lists
{
    public static async Task<int> ShowAsync(Call call, string path, string whenEmpty, CancellationToken cancellation)
    {
        using var api = call.Connect();
        var items = await api.ListAsync(path, cancellation);
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
            Tables.Write(call.Around, ["ID", "NAME", "LAST4", "SCOPES", "EXPIRES", "LAST USED", "STATE"], items.Select(item => Row(Read(item), now)));
        }

        return ExitCodes.Done;
    }

    private static string[] Row(CredentialItem item, DateTimeOffset now) =>
    [
        item.Id ?? "", item.Name ?? "", item.Last4 ?? "", string.Join(' ', item.Scopes ?? []), Times.Full(item.ExpiresAt, now, "never"),
        Times.Full(item.LastUsedAt, now, "never") + (item.LastUsedFrom is null ? "" : $" from {item.LastUsedFrom}"), item.State ?? "",
    ];

    private static CredentialItem Read(JsonElement item)
    {
        try
        {
            return item.Deserialize(ApiJson.Default.CredentialItem)!;
        }
        catch (JsonException)
        {
            throw Failure.Failed("The server's list was not understood.");
        }
    }
}
