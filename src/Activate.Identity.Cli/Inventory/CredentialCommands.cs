using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Activate.Identity.Cli.Output;
using Activate.Identity.Cli.Servers;
using Activate.Identity.Core.Credentials;

namespace Activate.Identity.Cli.Inventory;

/// <summary><c>actid credential list | export | delete | end | explain</c>: every credential of your organization, for its administrators.</summary>
internal static class CredentialCommands
{
    private const string Path = "/organization/credentials";
    private const string Example = "019ab3c4-0c1e-7b3a-9f04-3c5de2a1b877";
    private const int LargestPage = 200;

    private static string[] Words => [.. CredentialNames.Kinds.Select(kind => kind.Word())];

    public static Command Create(Actid actid) => actid.Group("credential", "Every credential of your organization, for its administrators",
        ["actid credential list --owner ada", "actid credential list --unused-since 90d --kind apiKey", "actid credential end --unused-since 90d --dry-run", $"actid credential explain apiKey {Example}"],
        List(actid), Export(actid), Delete(actid), End(actid), Explain(actid));

    private static Command List(Actid actid)
    {
        var filter = new Filter();
        var state = State();
        var limit = new Option<int>("--limit") { Description = "At most so many", HelpName = "N", DefaultValueFactory = _ => 100 };
        limit.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() < 1)
                result.AddError("--limit is a whole number from 1.");
        });
        return actid.Command("list", "List credentials of everybody\nKind by kind, the newest people first, and of each the newest credential.",
            ["actid credential list", "actid credential list --owner ada", "actid credential list --kind sshKey --unused-since 2026-01-01", "actid credential list --application activate-cli -o json"],
            [.. filter.Options, state, limit],
            async (call, cancellation) =>
            {
                using var api = call.Connect();
                var items = new List<JsonElement>();
                var (query, wanted) = (filter.Query(call, "lastUsedBefore", call.Get(state)), call.Get(limit));
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
                    call.Say("There are more: --limit N shows them, 'actid credential export' writes all.");
                return ExitCodes.Done;
            });
    }

    private static Command Export(Actid actid)
    {
        var filter = new Filter();
        var state = State();
        var format = new Option<string>("--format") { Description = "ndjson (one JSON object a line) or csv", HelpName = "ndjson|csv", DefaultValueFactory = _ => "ndjson" }.AcceptOnlyFromAmong("ndjson", "csv");
        return actid.Command("export", "Write all credentials to stdout\nThe export is an event of the audit log.", ["actid credential export --format csv > credentials.csv", "actid credential export --unused-since 90d > old.ndjson"],
            [format, .. filter.Options, state],
            async (call, cancellation) =>
            {
                using var api = call.Connect();
                var query = filter.Query(call, "lastUsedBefore", call.Get(state));
                await api.DownloadAsync($"{Path}{(query.Length == 0 ? "" : $"?{query[1..]}")}", call.Get(format) == "csv" ? "text/csv" : "application/x-ndjson", call, cancellation);
                return ExitCodes.Done;
            });
    }

    private static Command Delete(Actid actid)
    {
        var (kind, id, yes) = (Kind(), Id(), Yes());
        return actid.Command("delete", "End a credential of anybody in the organization", [$"actid credential delete apiKey {Example}", $"actid credential delete sshKey {Example} --yes"], [kind, id, yes],
            async (call, cancellation) =>
            {
                using var api = call.Connect();
                call.Confirm($"End the {call.Get(kind)} {call.Get(id)}? Whatever uses it stops working at once.", call.Get(yes));
                await api.DoAsync(HttpMethod.Delete, At(call.Get(kind), call.Get(id)), null, cancellation);
                call.Say($"Ended the {call.Get(kind)} {call.Get(id)}.");
                return ExitCodes.Done;
            });
    }

    private static Command End(Actid actid)
    {
        var (filter, yes) = (new Filter(), Yes());
        var dry = new Option<bool>("--dry-run") { Description = "Only count them" };
        var command = actid.Command("end",
            "End many credentials\nAll that live and are like that, but the one you are using. Credentials of owners and operators are kept unless you are one. Needs a sign-in with --manage.",
            ["actid credential end --unused-since 90d --dry-run", "actid credential end --application 019ab3c4-0c1e-7b3a-9f04-3c5de2a1b874", "actid credential end --owner ada --kind token --yes"],
            [.. filter.Options, dry, yes],
            async (call, cancellation) =>
            {
                using var api = call.Connect();
                var counted = await SendAsync(dryRun: true);
                if (!call.Get(dry))
                {
                    call.Confirm($"End {Sum(counted.Counts)}? It cannot be undone.", call.Get(yes));
                    var all = new Dictionary<string, int>();
                    do
                    {
                        counted = await SendAsync(dryRun: false);
                        foreach (var (kind, count) in counted.Counts)
                            all[kind] = all.GetValueOrDefault(kind) + count;
                    }
                    while (counted.More && counted.Counts.Values.Sum() > 0);
                    counted = counted with { Counts = all };
                }

                if (call.Json)
                {
                    call.Show(JsonText.Write(json =>
                    {
                        json.WriteStartObject();
                        json.WriteBoolean("dryRun", call.Get(dry));
                        json.WriteStartObject("counts");
                        foreach (var (kind, count) in counted.Counts)
                            json.WriteNumber(kind, count);
                        json.WriteEndObject();
                        json.WriteNumber("kept", counted.Kept);
                        json.WriteEndObject();
                    }));
                }

                call.Say($"{(call.Get(dry) ? "Would end" : "Ended")} {Sum(counted.Counts)}.{(counted.Kept > 0 ? $" Kept {counted.Kept} of owners and operators." : "")}");
                return ExitCodes.Done;

                async Task<EndedManyAnswer> SendAsync(bool dryRun) => api.Understand(
                    (await api.DoAsync(HttpMethod.Post, $"{Path}/end{(dryRun ? "?dryRun=true" : "")}", json => filter.Write(call, json), cancellation)).Body, ApiJson.Default.EndedManyAnswer);
            });
        command.Validators.Add(result =>
        {
            if (!filter.IsThere(result))
                result.AddError("Say which: --kind, --owner, --application or --unused-since.");
        });
        return command;
    }

    private static Command Explain(Actid actid)
    {
        var (kind, id) = (Kind(), Id());
        return actid.Command("explain", "Say which rule decided when a credential ends\nFor administrators, and for whoever has it.", [$"actid credential explain apiKey {Example}", $"actid credential explain sshKey {Example} -o json"], [kind, id],
            async (call, cancellation) =>
            {
                using var api = call.Connect();
                var answer = await api.DoAsync(HttpMethod.Get, $"{At(call.Get(kind), call.Get(id))}/explain", null, cancellation);
                if (call.Json)
                {
                    call.Show(JsonText.Indent(answer.Body));
                    return ExitCodes.Done;
                }

                var end = api.Understand(answer.Body, ApiJson.Default.ExplainAnswer);
                call.Show(SafeText.OneLine($"{end.Name} of {end.Owner} ends: {Times.Full(end.ExpiresAt, call.Now, "never")}"));
                call.Show(SafeText.OneLine($"{end.Detail} ({end.Code})"));
                call.Show(SafeText.OneLine($"New ones: {end.PolicyNow}"));
                return ExitCodes.Done;
            });
    }

    private static void Show(Call call, List<JsonElement> items) =>
        Lists.Show(call, items, "No credential is like that.", ["KIND", "ID", "OWNER", "NAME", "EXPIRES", "LAST USED", "STATE"], ApiJson.Default.InventoryItem, (item, now) =>
        [
            item.Kind ?? "", item.Id ?? "", item.Owner ?? "", item.Name ?? "", Times.Full(item.ExpiresAt, now, "never"),
            Times.Full(item.LastUsedAt, now, "never") + (item.LastUsedFrom is null ? "" : $" from {item.LastUsedFrom}") + (item.LastUsedOn is null ? "" : $" on {item.LastUsedOn}"), item.State ?? "",
        ]);

    private static string Sum(Dictionary<string, int> counts) => counts.Values.Sum() == 0
        ? "nothing"
        : string.Join(", ", counts.Where(count => count.Value > 0).Select(count => $"{count.Value.ToString(CultureInfo.InvariantCulture)} {count.Key}"));

    private static string At(string kind, string id) => $"{Path}/{CredentialNames.KindOf(kind)!.Value.PathWord()}/{id}";

    private static Argument<string> Kind() => new Argument<string>("KIND") { Description = "apiKey, token, session or sshKey" }.AcceptOnlyFromAmong(Words);

    private static Argument<string> Id() => Ids.Argument("Which one, by its id from 'actid credential list'");

    private static Option<bool> Yes() => new("--yes", "-y") { Description = "Do not ask; without a terminal nothing is asked anyway" };

    private static Option<string?> State() => new Option<string?>("--state") { Description = "Only those in this state", HelpName = "active|expiring|expired" }.AcceptOnlyFromAmong("active", "expiring", "expired");

    /// <summary>The options that say which.</summary>
    private sealed class Filter
    {
        private readonly Option<string?> _kind = new Option<string?>("--kind") { Description = "Only this kind", HelpName = "KIND" }.AcceptOnlyFromAmong(Words);
        private readonly Option<string?> _owner = new("--owner") { Description = "Only this person's or service account's, by username or id", HelpName = "USER" };
        private readonly Option<string?> _application = new("--application") { Description = "Only what was issued to this application, by client id", HelpName = "ID" };
        private readonly Option<string?> _unused = new("--unused-since") { Description = "Only what was neither used nor made since: a time, a day, or how long ago (90d)", HelpName = "TIME" };

        public Symbol[] Options => [_kind, _owner, _application, _unused];

        /// <summary>Each parameter with an ampersand in front.</summary>
        public string Query(Call call, string time, string? state) => string.Concat(Parameters(call, time).Append((Name: "state", Value: state))
            .Where(parameter => parameter.Value is not null).Select(parameter => $"&{parameter.Name}={Uri.EscapeDataString(parameter.Value!)}"));

        public void Write(Call call, Utf8JsonWriter json)
        {
            foreach (var (name, value) in Parameters(call, "unusedSince"))
            {
                if (value is not null)
                    json.WriteString(name, value);
            }
        }

        public bool IsThere(System.CommandLine.Parsing.CommandResult result) =>
            new[] { _kind, _owner, _application, _unused }.Any(option => result.GetResult(option) is { Implicit: false });

        private IEnumerable<(string Name, string? Value)> Parameters(Call call, string time) =>
            [("kind", call.Get(_kind)), ("owner", call.Get(_owner)), ("application", call.Get(_application)), (time, Times.Ago(call.Get(_unused), call.Now))];
    }
}
