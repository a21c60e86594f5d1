using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Activate.Identity.Cli.Output;
using Activate.Identity.Cli.Servers;

namespace Activate.Identity.Cli.Audit;

/// <summary><c>actid audit list | export</c>: what happened in an organization, for its administrators.</summary>
internal static class AuditCommands
{
    private const string Path = "/organization/audit-events";
    private const int LargestPage = 200;

    public static Command Create(Actid actid) => actid.Group("audit", "The audit log of your organization, for its administrators",
        ["actid audit list --since 24h", "actid audit list --type sign_in.failed --actor ada -o json", "actid audit export --format csv --since 2026-11-01 > november.csv"],
        List(actid), Export(actid));

    private static Command List(Actid actid)
    {
        var filter = new Filter();
        var limit = new Option<int>("--limit") { Description = "At most so many, the newest", HelpName = "N", DefaultValueFactory = _ => 100 };
        limit.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() < 1)
                result.AddError("--limit is a whole number from 1.");
        });
        return actid.Command("list", "List events, newest first\nNeeds the scope audit:read: sign in with --scope audit:read, or use a key that has it.",
            ["actid audit list", "actid audit list --since 7d --outcome refused", "actid audit list --type api_key.leaked --type api_key.deleted --subject ada", "actid audit list --limit 1000 -o json"],
            [.. filter.Options, limit],
            async (call, cancellation) =>
            {
                using var api = call.Connect();
                var items = new List<JsonElement>();
                var (query, wanted) = (filter.Query(call), call.Get(limit));
                string? after = null;
                do
                {
                    var page = await api.GetAsync(
                        $"{Path}?limit={Math.Min(LargestPage, wanted - items.Count).ToString(CultureInfo.InvariantCulture)}{query}{(after is null ? "" : $"&after={Uri.EscapeDataString(after)}")}",
                        ApiJson.Default.Page, cancellation);
                    items.AddRange(page.Items);
                    if (page.Next is not null && page.Next == after)
                        throw Failure.Failed("The server's list does not end.");
                    after = page.Next;
                }
                while (after is not null && items.Count < wanted);
                Show(call, items);
                if (after is not null)
                    call.Say($"There are older ones: --limit N shows more, 'actid audit export' writes all of them.");
                return ExitCodes.Done;
            });
    }

    private static Command Export(Actid actid)
    {
        var filter = new Filter();
        var format = new Option<string>("--format") { Description = "ndjson (one JSON object a line) or csv", HelpName = "ndjson|csv", DefaultValueFactory = _ => "ndjson" }.AcceptOnlyFromAmong("ndjson", "csv");
        return actid.Command("export", "Write all events to stdout, newest first\nThe export is an event of the log, too.",
            ["actid audit export > audit.ndjson", "actid audit export --format csv --since 2026-11-01 --until 2026-11-30 > november.csv"],
            [format, .. filter.Options],
            async (call, cancellation) =>
            {
                using var api = call.Connect();
                var query = filter.Query(call);
                await api.DownloadAsync($"{Path}{(query.Length == 0 ? "" : $"?{query[1..]}")}", call.Get(format) == "csv" ? "text/csv" : "application/x-ndjson", call, cancellation);
                return ExitCodes.Done;
            });
    }

    private static void Show(Call call, List<JsonElement> items) =>
        Lists.Show(call, items, "No events match.", ["TIME", "TYPE", "OUTCOME", "ACTOR", "SUBJECT", "OWNER", "CLIENT", "ADDRESS", "DETAIL"], ApiJson.Default.AuditItem, (item, _) =>
        [
            item.At is { } at ? Times.Exact(at) : "", item.Type ?? "", item.Outcome ?? "", Who(item.Actor), Who(item.Subject), Who(item.Owner), item.ClientId ?? "", item.Address ?? "",
            string.Join(' ', new[] { item.Name, item.Detail }.Where(text => text is not null)),
        ]);

    private static string Who(AuditPartyItem? party) => party?.Username ?? party?.Id ?? "";

    /// <summary>The options that both take.</summary>
    private sealed class Filter
    {
        private readonly Option<string[]> _types = new("--type") { Description = "Events of this type, such as api_key.created; may be repeated", HelpName = "TYPE" };
        private readonly Option<string?> _actor = new("--actor") { Description = "What this user did, by username or id", HelpName = "USER" };
        private readonly Option<string?> _subject = new("--subject") { Description = "What was done to this user or thing, or to things of this user", HelpName = "USER" };
        private readonly Option<string?> _outcome = new Option<string?>("--outcome") { Description = "Only what was done, or only what was refused", HelpName = "done|refused" }.AcceptOnlyFromAmong("done", "refused");
        private readonly Option<string?> _client = new("--client") { Description = "Events with this OAuth client in between", HelpName = "ID" };
        private readonly Option<string?> _address = new("--address") { Description = "Events from this IP address", HelpName = "IP" };
        private readonly Option<string?> _since = new("--since") { Description = "Not before: a time, a day, or how long ago (30m, 24h, 7d)", HelpName = "TIME" };
        private readonly Option<string?> _until = new("--until") { Description = "Before this time, or up to the end of this day", HelpName = "TIME" };
        private readonly Option<bool> _server = new("--of-server") { Description = "The events of no organization, for operators" };

        public Symbol[] Options => [_types, _actor, _subject, _outcome, _client, _address, _since, _until, _server];

        /// <summary>Each parameter with an ampersand in front.</summary>
        public string Query(Call call)
        {
            IEnumerable<(string Name, string? Value)> parameters =
            [
                .. (call.Get(_types) ?? []).Select(type => ("type", (string?)type)), ("actor", call.Get(_actor)), ("subject", call.Get(_subject)), ("outcome", call.Get(_outcome)),
                ("client", call.Get(_client)), ("address", call.Get(_address)), ("from", Times.Ago(call.Get(_since), call.Now)), ("to", Times.Ago(call.Get(_until), call.Now)),
                ("server", call.Get(_server) ? "true" : null),
            ];
            return string.Concat(parameters.Where(parameter => parameter.Value is not null).Select(parameter => $"&{parameter.Name}={Uri.EscapeDataString(parameter.Value!)}"));
        }
    }
}
