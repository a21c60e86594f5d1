using System.CommandLine;
using System.Text.Json;
using Activate.Identity.Cli.Hosts;
using Activate.Identity.Cli.Output;
using Activate.Identity.Cli.Servers;
using Activate.Identity.Core.Organizations;

namespace Activate.Identity.Cli.Clusters;

/// <summary>
/// <c>actid cluster list | show | create | update | accounts | rotate-key | delete</c>: the clusters to which people of the organization log in; and what their hosts run, which is in Hosts.
/// </summary>
internal static class ClusterCommands
{
    private const string Path = "/organization/clusters";
    private const string Example = "01993a54-2d3f-7d4c-9e26-5e7fa4c3da92";

    public static Command Create(Actid actid) => actid.Group("cluster", "Clusters, whose sshd asks for people's SSH keys",
        ["actid cluster list", "actid cluster create frontier --address login.frontier.example.org --role admin > cluster-key", $"actid cluster accounts {Example} --map ada=x4711"],
        List(actid), Show(actid), New(actid), Update(actid), Accounts(actid), RotateKey(actid),
        Deletion.Command(actid, "the cluster", Path, "Delete a cluster\nWith its key: nobody logs in to it through this server any more.", "Nobody logs in to it any more.", $"actid cluster delete {Example}"),
        InstallCommand.Create(actid), InstallCommand.CreateUninstall(actid), CheckCommand.Create(actid), PullCommand.Create(actid), ReportLoginCommand.Create(actid));

    private static Command List(Actid actid) => actid.Command("list", "List the clusters of your organization", ["actid cluster list", "actid cluster list -o json"], [],
        (call, cancellation) => Lists.ShowAsync(call, Path, "No clusters yet. Register one: actid cluster create NAME --address HOST",
            ["ID", "NAME", "ADDRESS", "WHO MAY LOG IN"], ApiJson.Default.ClusterItem, (item, _) => [item.Id ?? "", item.Name ?? "", item.Address ?? "", Who(item)], cancellation));

    private static Command Show(Actid actid)
    {
        var id = Id();
        return actid.Command("show", "Show one cluster", [$"actid cluster show {Example}", $"actid cluster show {Example} -o json"], [id], async (call, cancellation) =>
        {
            using var api = call.Connect();
            ShowItem(call, api, await api.DoAsync(HttpMethod.Get, $"{Path}/{call.Get(id)}", null, cancellation));
            return ExitCodes.Done;
        });
    }

    private static Command New(Actid actid)
    {
        var name = new Argument<string>("NAME") { Description = "What people call it" };
        var (address, access) = (Address(), new AccessOptions());
        address.Required = true;
        var command = actid.Command("create", "Register a cluster\nIts key alone goes to stdout, once: it belongs into /etc/actid/cluster-key on the cluster. Needs a sign-in with --manage.",
            ["actid cluster create frontier --address login.frontier.example.org > cluster-key", "actid cluster create debug --address 192.0.2.7 --user ada --user grace > cluster-key"],
            [name, address, .. access.All], async (call, cancellation) =>
            {
                using var api = call.Connect();
                return ShowKey(call, api, await api.DoAsync(HttpMethod.Post, Path, json =>
                {
                    json.WriteString("name", call.Get(name));
                    json.WriteString("address", call.Get(address));
                    access.Write(call, json);
                }, cancellation));
            });
        access.Check(command);
        return command;
    }

    private static Command Update(Actid actid)
    {
        var (id, address, access) = (Id(), Address(), new AccessOptions());
        var name = new Option<string?>("--name") { Description = "Another name", HelpName = "NAME" };
        var command = actid.Command("update", "Change a cluster\nWhat is not named stays. Who may log in is asked at each login: a change counts for the next one.",
            [$"actid cluster update {Example} --user ada --user grace", $"actid cluster update {Example} --everyone", $"actid cluster update {Example} --address login2.example.org"],
            [id, name, address, .. access.All], async (call, cancellation) =>
            {
                using var api = call.Connect();
                var answer = await api.DoAsync(HttpMethod.Patch, $"{Path}/{call.Get(id)}", json =>
                {
                    if (call.Get(name) is { } text)
                        json.WriteString("name", text);
                    if (call.Get(address) is { } host)
                        json.WriteString("address", host);
                    access.Write(call, json);
                }, cancellation);
                if (call.Json)
                    call.Show(JsonText.Indent(answer.Body));
                call.Say($"The cluster {call.Get(id)} was changed.");
                return ExitCodes.Done;
            });
        access.Check(command);
        command.Validators.Add(result =>
        {
            if (((Option[])[name, address, .. access.All]).All(option => result.GetResult(option) is null or { Implicit: true }))
                result.AddError("Say what is to change, such as --address or --user.");
        });
        return command;
    }

    private static Command Accounts(Actid actid)
    {
        var id = Id();
        var map = new Option<string[]>("--map") { Description = "The Unix account of somebody, where it has another name than the person; may be repeated", HelpName = "USERNAME=ACCOUNT" };
        var none = new Option<bool>("--none") { Description = "Everybody's account has the username again" };
        var command = actid.Command("accounts", "Show whose Unix account has another name, or say it anew\nWith --map or --none in place of all that was said before.",
            [$"actid cluster accounts {Example}", $"actid cluster accounts {Example} --map ada=x4711 --map grace=x4712", $"actid cluster accounts {Example} --none"], [id, map, none],
            async (call, cancellation) =>
            {
                using var api = call.Connect();
                var path = $"{Path}/{call.Get(id)}/accounts";
                var pairs = call.Get(map) ?? [];
                var answer = pairs.Length == 0 && !call.Get(none)
                    ? await api.DoAsync(HttpMethod.Get, path, null, cancellation)
                    : await api.DoAsync(HttpMethod.Put, path, json =>
                    {
                        foreach (var pair in pairs)
                            json.WriteString(pair[..pair.IndexOf('=', StringComparison.Ordinal)], pair[(pair.IndexOf('=', StringComparison.Ordinal) + 1)..]);
                    }, cancellation);
                var accounts = api.Understand(answer.Body, ApiJson.Default.DictionaryStringString);
                if (call.Json)
                    call.Show(JsonText.Indent(answer.Body));
                else if (accounts.Count == 0)
                    call.Say("Everybody's account has the username.");
                else
                    Tables.Write(call.Around, ["USERNAME", "ACCOUNT"], accounts.Select(pair => (string[])[pair.Key, pair.Value]));
                return ExitCodes.Done;
            });
        command.Validators.Add(result =>
        {
            var pairs = result.GetValue(map) ?? [];
            if (pairs.Length > 0 && result.GetValue(none))
                result.AddError("Say either --map or --none.");
            if (pairs.FirstOrDefault(pair => pair.Split('=') is not [{ Length: > 0 }, { Length: > 0 }]) is { } wrong)
                result.AddError($"'{wrong}' is no USERNAME=ACCOUNT.");
            if (pairs.GroupBy(pair => pair.Split('=')[0], StringComparer.Ordinal).FirstOrDefault(same => same.Count() > 1) is { } twice)
                result.AddError($"'{twice.Key}' is named twice.");
        });
        return command;
    }

    private static Command RotateKey(Actid actid)
    {
        var id = Id();
        var overlap = new Option<int?>("--overlap-hours") { Description = "How long earlier keys go on working, at most 168 [default: 24]", HelpName = "N" };
        return actid.Command("rotate-key", "Give a cluster a new key\nThe key alone goes to stdout, once. Unlike a rotated API key it lives as long as the policy allows from now on.",
            [$"actid cluster rotate-key {Example} > cluster-key"], [id, overlap], async (call, cancellation) =>
            {
                using var api = call.Connect();
                return ShowKey(call, api, await api.DoAsync(HttpMethod.Post, $"{Path}/{call.Get(id)}/rotate-key", json =>
                {
                    if (call.Get(overlap) is { } hours)
                        json.WriteNumber("overlapHours", hours);
                }, cancellation));
            });
    }

    private static int ShowKey(Call call, ApiClient api, Answer answer)
    {
        var made = api.Understand(answer.Body, ApiJson.Default.ClusterItem);
        if (made.Key is not { Length: > 0 } key || key.Any(c => c is <= ' ' or > '~'))
            throw Failure.Failed($"{ServerAddress.Origin(api.Server)} did not answer with the key of the cluster.");
        call.Show(call.Json ? JsonText.Indent(answer.Body) : key);
        call.Say($"This is the key of the cluster '{made.Name}', id {made.Id}. It {(made.KeyExpiresAt is { } end ? $"ends {Times.Full(end, call.Now)}" : "never ends")}.");
        call.Say("It cannot be shown again: put it into /etc/actid/cluster-key on the cluster now.");
        return ExitCodes.Done;
    }

    private static void ShowItem(Call call, ApiClient api, Answer answer)
    {
        var item = api.Understand(answer.Body, ApiJson.Default.ClusterItem);
        if (call.Json)
            call.Show(JsonText.Indent(answer.Body));
        else
            Tables.WritePairs(call.Around, ("Id", item.Id), ("Name", item.Name), ("Address", item.Address), ("Who may log in", Who(item)), ("Registered", Times.Full(item.CreatedAt, call.Now, "")),
                ("Tells who got in since", Times.Full(item.ReportsSince, call.Now, "never")), ("Last login", Times.Full(item.LastReportAt, call.Now, "not known")));
    }

    private static string Who(ClusterItem item) => item.Access switch
    {
        { Mode: "roles", Roles: { } roles } => string.Join(' ', roles),
        { Mode: "users", Usernames: { } names } => string.Join(' ', names),
        { Mode: "users" } => "some people",
        { Mode: { } mode } => mode,
        _ => "",
    };

    private static Argument<string> Id() => Ids.Argument("The cluster, by its id from 'actid cluster list'");

    private static Option<string?> Address() => new("--address") { Description = "Where people log in: a host name or an IP address", HelpName = "HOST" };

    /// <summary>Who may log in: one of three ways to say it.</summary>
    private sealed class AccessOptions
    {
        private readonly Option<bool> _everyone = new("--everyone") { Description = "Everybody of the organization may log in" };
        private readonly Option<string[]> _roles = new("--role") { Description = "Those of this role, and of no other; may be repeated", HelpName = "ROLE" };
        private readonly Option<string[]> _users = new("--user") { Description = "This person, and nobody who is not named; may be repeated", HelpName = "USERNAME" };

        public AccessOptions() => _roles.AcceptOnlyFromAmong([.. Roles.All.Select(role => role.Word())]);

        public Option[] All => [_everyone, _roles, _users];

        public void Check(Command command) => command.Validators.Add(result =>
        {
            if (All.Count(option => result.GetResult(option) is { Implicit: false }) > 1)
                result.AddError("Say who may log in in one way: --everyone, --role or --user.");
        });

        public void Write(Call call, Utf8JsonWriter json)
        {
            var (roles, users) = (call.Get(_roles) ?? [], call.Get(_users) ?? []);
            if (!call.Get(_everyone) && roles.Length == 0 && users.Length == 0)
                return;
            json.WriteStartObject("access");
            json.WriteString("mode", roles.Length > 0 ? "roles" : users.Length > 0 ? "users" : "everyone");
            Bodies.WriteList(json, "roles", roles);
            Bodies.WriteList(json, "usernames", users);
            json.WriteEndObject();
        }
    }
}
