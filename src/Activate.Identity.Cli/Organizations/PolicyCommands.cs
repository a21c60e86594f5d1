using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Activate.Identity.Cli.Output;
using Activate.Identity.Cli.Servers;

namespace Activate.Identity.Cli.Organizations;

/// <summary><c>actid policy show | preview | set</c>: how long the credentials of an organization may live.</summary>
internal static class PolicyCommands
{
    private const string Path = "/organization/policy";
    private const int LargestFile = 64 * 1024;

    public static Command Create(Actid actid) => actid.Group("policy", "Your organization's policy: how long credentials may live",
        ["actid policy show", "actid policy show -o json > policy.json", "actid policy preview policy.json", "actid policy set policy.json --shorten --grace-days 14"],
        Show(actid), Preview(actid), Set(actid));

    private static Command Show(Actid actid) => actid.Command("show",
        "Show the policy: your organization's own, the server's ceiling, and what counts",
        ["actid policy show", "actid policy show -o json"], [],
        async (call, cancellation) =>
        {
            using var api = call.Connect();
            var answer = await api.DoAsync(HttpMethod.Get, Path, null, cancellation);
            var policy = api.Understand(answer.Body, ApiJson.Default.PolicyAnswer);
            if (call.Json)
            {
                call.Show(JsonText.Indent(answer.Body));
                return ExitCodes.Done;
            }

            var (own, ceiling) = (Members(policy.Policy), Members(policy.Ceiling));
            Tables.Write(call.Around, ["MEMBER", "OWN", "CEILING", "COUNTS"], Members(policy.Effective)
                .Select(member => new[] { member.Key, own.GetValueOrDefault(member.Key, "inherited"), ceiling.GetValueOrDefault(member.Key, "-"), member.Value }));
            if (policy.ChangedAt is { } at)
                call.Say($"Changed {Times.Full(at, call.Now)}{(policy.ChangedBy is null ? "" : $" by {policy.ChangedBy}")}.");
            return ExitCodes.Done;
        });

    private static Command Preview(Actid actid)
    {
        var (file, grace) = (File(), Grace());
        return actid.Command("preview",
            "Show whom a policy would hit, if it were set with --shorten\nChanges nothing. For one that requires two factors it also says how many people have no second one.",
            ["actid policy preview policy.json", "actid policy preview policy.json --grace-days 14 -o json"], [file, grace],
            async (call, cancellation) =>
            {
                var policy = await ReadAsync(call, call.Get(file), cancellation);
                using var api = call.Connect();
                var (preview, affected, _) = await PreviewAsync(call, api, policy, shorten: true, call.Get(grace) ?? 0, cancellation);
                if (call.Json)
                    call.Show(Write(preview, affected));
                else
                    ShowAffected(call, preview.Counts, affected);
                if (preview.WithoutSecondFactor is { } without)
                    call.Say($"People without a second factor, who would set one up at their next sign-in: {without}.");
                return ExitCodes.Done;
            });
    }

    private static Command Set(Actid actid)
    {
        var (file, grace) = (File(), Grace());
        var shorten = new Option<bool>("--shorten") { Description = "Also shorten the credentials that exist and are beyond a maximum; it cannot be taken back" };
        var yes = new Option<bool>("--yes", "-y") { Description = "Do not ask; without a terminal nothing is asked anyway" };
        var command = actid.Command("set",
            "Set the policy\nThe whole policy: a member that is left out is inherited from the server. If somebody changes it at the same moment, nothing is changed. Needs a sign-in with --manage.",
            ["actid policy set policy.json", "actid policy set policy.json --shorten --grace-days 14", "actid policy show -o json | jq '.policy.apiKeys.maximumDays=30' | actid policy set -"],
            [file, shorten, grace, yes],
            async (call, cancellation) =>
            {
                var policy = await ReadAsync(call, call.Get(file), cancellation);
                using var api = call.Connect();
                var (preview, affected, etag) = await PreviewAsync(call, api, policy, call.Get(shorten), call.Get(grace) ?? 0, cancellation);
                var counts = preview.Counts;
                if (affected.Count > 0)
                {
                    if (!call.Json)
                        ShowAffected(call, counts, affected);
                    call.Confirm($"Shorten {Sum(counts)}? It cannot be taken back.", call.Get(yes));
                }

                // The ETag of the preview: what was shown is what is done, or nothing is.
                var answer = await api.DoAsync(HttpMethod.Put, Path, json => WriteChange(json, policy, call.Get(shorten), call.Get(grace) ?? 0), cancellation, etag);
                if (call.Json)
                    call.Show(JsonText.Indent(answer.Body));
                call.Say(affected.Count > 0 ? $"The policy is set, and {Sum(counts)} shortened." : "The policy is set. No credential that exists ends sooner.");
                return ExitCodes.Done;
            });
        command.Validators.Add(result =>
        {
            if (result.GetResult(grace) is { Implicit: false } && !result.GetValue(shorten))
                result.AddError("--grace-days is about credentials that are shortened: add --shorten.");
        });
        return command;
    }

    private static Argument<string> File() => new("FILE") { Description = "The policy as JSON, alone or as 'policy show -o json' writes it; - is stdin" };

    private static Option<int?> Grace() => new("--grace-days") { Description = "No credential is shortened to end before so many days from now [default: 0]", HelpName = "N" };

    private static async Task<JsonElement> ReadAsync(Call call, string file, CancellationToken cancellation)
    {
        string text;
        try
        {
            var buffer = new char[LargestFile + 1];
            using var opened = file == "-" ? null : new StreamReader(file);
            var length = await (opened ?? call.Around.In).ReadBlockAsync(buffer, cancellation);
            text = length <= LargestFile ? new string(buffer, 0, length) : throw Failure.Usage("That is far too long to be a policy. Nothing was sent.");
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            throw Failure.Usage(problem.Message);
        }

        try
        {
            using var document = JsonDocument.Parse(text);
            var policy = document.RootElement;
            if (policy.ValueKind != JsonValueKind.Object)
                throw Failure.Usage("A policy is a JSON object, as 'actid policy show -o json' writes it. Nothing was sent.");
            return (policy.TryGetProperty("policy", out var inner) ? inner : policy).Clone();
        }
        catch (JsonException problem)
        {
            throw Failure.Usage($"{(file == "-" ? "What stdin holds" : file)} is not JSON: {problem.Message} Nothing was sent.");
        }
    }

    private static async Task<(PreviewAnswer Preview, List<JsonElement> Affected, string ETag)> PreviewAsync(
        Call call, ApiClient api, JsonElement policy, bool shorten, int graceDays, CancellationToken cancellation)
    {
        var affected = new List<JsonElement>();
        string? after = null;
        while (true)
        {
            var query = after is null ? "?limit=200" : $"?limit=200&after={Uri.EscapeDataString(after)}";
            var answer = await api.DoAsync(HttpMethod.Post, $"{Path}/preview{query}", json => WriteChange(json, policy, shorten, graceDays), cancellation);
            var page = api.Understand(answer.Body, ApiJson.Default.PreviewAnswer);
            affected.AddRange(page.Affected);
            if (page.Next is null)
                return (page, affected, answer.ETag ?? throw Failure.Failed("The server did not say which policy the preview is about."));
            if (page.Next == after)
                throw Failure.Failed("The server's preview does not end.");
            if (call.Around.ErrorIsTerminal)
                call.Say($"{affected.Count} of {page.Counts.Values.Sum()}…");
            after = page.Next;
        }
    }

    private static void WriteChange(Utf8JsonWriter json, JsonElement policy, bool shorten, int graceDays)
    {
        json.WritePropertyName("policy");
        policy.WriteTo(json);
        json.WriteStartObject("existing");
        json.WriteString("mode", shorten ? "shorten" : "keep");
        json.WriteNumber("graceDays", graceDays);
        json.WriteEndObject();
    }

    private static void ShowAffected(Call call, Dictionary<string, int> counts, List<JsonElement> affected)
    {
        call.Say(affected.Count == 0 ? "No credential that exists would end sooner." : $"{Sum(counts)} would end sooner:");
        if (affected.Count == 0)
            return;
        var now = call.Now;
        Tables.Write(call.Around, ["OWNER", "KIND", "NAME", "LAST USED", "ENDS", "WOULD END"], affected.Select(item => Lists.Read(item, ApiJson.Default.AffectedItem)).Select(item => new[]
        {
            item.Owner ?? "", item.Kind ?? "", item.Name ?? "", Times.Full(item.LastUsedAt, now, "never"), Times.Full(item.ExpiresAt, now, "never"), Times.Full(item.WouldExpireAt, now, "never"),
        }));
    }

    private static string Write(PreviewAnswer preview, List<JsonElement> affected) => JsonText.Write(json =>
    {
        json.WriteStartObject();
        json.WriteStartObject("counts");
        foreach (var (kind, count) in preview.Counts)
            json.WriteNumber(kind, count);
        json.WriteEndObject();
        json.WriteStartArray("affected");
        foreach (var item in affected)
            item.WriteTo(json);
        json.WriteEndArray();
        if (preview.WithoutSecondFactor is { } without)
            json.WriteNumber("withoutSecondFactor", without);
        json.WriteEndObject();
    });

    /// <summary>"2 API keys, 1 SSH key".</summary>
    private static string Sum(Dictionary<string, int> counts) => string.Join(", ", counts.Where(count => count.Value > 0).Select(count =>
        string.Create(CultureInfo.InvariantCulture, $"{count.Value} {count.Key switch { "apiKey" => "API key", "sshKey" => "SSH key", "session" => "device login", _ => count.Key }}{(count.Value == 1 ? "" : "s")}")));

    /// <summary><c>apiKeys.maximumDays</c> and so on, as text.</summary>
    private static Dictionary<string, string> Members(JsonElement policy, string prefix = "")
    {
        var members = new Dictionary<string, string>();
        foreach (var property in policy.ValueKind == JsonValueKind.Object ? policy.EnumerateObject() : default)
        {
            if (property.Value.ValueKind == JsonValueKind.Object)
            {
                foreach (var (name, value) in Members(property.Value, $"{prefix}{property.Name}."))
                    members[name] = value;
            }
            else
            {
                members[prefix + property.Name] = property.Value.ValueKind switch
                {
                    JsonValueKind.Null => property.Name.StartsWith("default", StringComparison.Ordinal) ? "no expiration" : "no limit",
                    JsonValueKind.String => property.Value.GetString()!,
                    _ => property.Value.GetRawText(),
                };
            }
        }

        return members;
    }
}
