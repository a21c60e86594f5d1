using System.CommandLine;
using Activate.Identity.Cli.Output;
using Activate.Identity.Cli.Servers;

namespace Activate.Identity.Cli.Inventory;

/// <summary><c>actid consent list | export | delete</c>: what people of your organization allowed applications, for its administrators.</summary>
internal static class ConsentCommands
{
    private const string Path = "/organization/consents";
    private const string Example = "019ab3c4-0c1e-7b3a-9f04-3c5de2a1b879";

    public static Command Create(Actid actid) => actid.Group("consent", "What people of your organization allowed applications, for its administrators",
        ["actid consent list --owner ada", "actid consent list --unused-since 90d", $"actid consent delete {Example}"],
        List(actid), Export(actid),
        Deletion.Command(actid, "the consent", Path, "Take a consent back\nAll that the application has of this person ends at once, and it must ask again.",
            "All that the application has of this person ends at once.", $"actid consent delete {Example}"));

    private static Command List(Actid actid)
    {
        var filter = new Filter();
        return actid.Command("list", "List consents, person by person", ["actid consent list", "actid consent list --owner ada -o json", "actid consent list --application 019ab3c4-0c1e-7b3a-9f04-3c5de2a1b874"],
            filter.Options,
            (call, cancellation) => Lists.ShowAsync(call, filter.At(call), "No consent is like that.", ["ID", "OWNER", "APPLICATION", "SCOPES", "GRANTED", "LAST USED"], ApiJson.Default.ConsentItem, (item, now) =>
            [
                item.Id ?? "", item.Owner ?? "", item.Application ?? "", string.Join(' ', item.Scopes ?? []), Times.Full(item.GrantedAt, now, ""),
                Times.Full(item.LastUsedAt, now, "never") + (item.LastUsedFrom is null ? "" : $" from {item.LastUsedFrom}"),
            ], cancellation));
    }

    private static Command Export(Actid actid)
    {
        var filter = new Filter();
        var format = new Option<string>("--format") { Description = "ndjson (one JSON object a line) or csv", HelpName = "ndjson|csv", DefaultValueFactory = _ => "ndjson" }.AcceptOnlyFromAmong("ndjson", "csv");
        return actid.Command("export", "Write all consents to stdout\nThe export is an event of the audit log.", ["actid consent export --format csv > consents.csv"], [format, .. filter.Options],
            async (call, cancellation) =>
            {
                using var api = call.Connect();
                await api.DownloadAsync(filter.At(call), call.Get(format) == "csv" ? "text/csv" : "application/x-ndjson", call, cancellation);
                return ExitCodes.Done;
            });
    }

    /// <summary>The options that say which.</summary>
    private sealed class Filter
    {
        private readonly Option<string?> _owner = new("--owner") { Description = "Only this person's, by username or id", HelpName = "USER" };
        private readonly Option<string?> _application = new("--application") { Description = "Only to this application, by client id", HelpName = "ID" };
        private readonly Option<string?> _unused = new("--unused-since") { Description = "Only what was neither used nor given since: a time, a day, or how long ago (90d)", HelpName = "TIME" };

        public Symbol[] Options => [_owner, _application, _unused];

        /// <summary>The path of what is asked for.</summary>
        public string At(Call call)
        {
            (string Name, string? Value)[] parameters = [("owner", call.Get(_owner)), ("application", call.Get(_application)), ("lastUsedBefore", Times.Ago(call.Get(_unused), call.Now))];
            var given = parameters.Where(parameter => parameter.Value is not null).Select(parameter => $"{parameter.Name}={Uri.EscapeDataString(parameter.Value!)}").ToList();
            return given.Count == 0 ? Path : $"{Path}?{string.Join('&', given)}";
        }
    }
}
