using System.CommandLine;
using System.Text.Json;
using Activate.Identity.Cli.Output;
using Activate.Identity.Cli.Servers;
using Activate.Identity.Core.Organizations;

namespace Activate.Identity.Cli.ServiceAccounts;

/// <summary><c>actid service-account list | create | update | disable | enable | delete | key</c>: accounts for programs.</summary>
internal static class ServiceAccountCommands
{
    public const string Path = "/organization/service-accounts";
    public const string Example = "01993a52-7c1e-7b3a-9f04-3c5de2a1b870";

    public static Command Create(Actid actid) => actid.Group("service-account", "Accounts for programs, and their keys",
        ["actid service-account list", "actid service-account create archiver --description 'Copies results to the archive' --keeper grace", $"KEY=$(actid service-account key create {Example} nightly --days 90)"],
        List(actid), New(actid), Update(actid),
        Switch(actid, "disable", true, "Disable a service account\nNone of its keys works within a second, anywhere, until it is enabled again.", "is disabled: none of its keys works until it is enabled again"),
        Switch(actid, "enable", false, "Enable a service account again\nWhat time has not ended meanwhile works again.", "is enabled"),
        Deletion.Command(actid, "the service account", Path, "Delete a service account\nWith all its keys. Its username is given to nobody else; 'disable' can be undone.",
            "Programs that use its keys stop working at once.", $"actid service-account delete {Example}"),
        ServiceAccountKeyCommands.Create(actid));

    public static Argument<string> Id() => Ids.Argument("The account, by its id from 'actid service-account list'");

    private static Command List(Actid actid) => actid.Command("list", "List the service accounts of your organization, or those you keep", ["actid service-account list", "actid service-account list -o json"], [],
        (call, cancellation) => Lists.ShowAsync(call, Path, "No service accounts yet. Make one: actid service-account create USERNAME --description TEXT --keeper USERNAME",
            ["ID", "USERNAME", "DESCRIPTION", "ROLE", "KEEPERS", "KEYS", "LAST USED", "STATE"], ApiJson.Default.ServiceAccountItem,
            (item, now) =>
            [
                item.Id ?? "", item.Username ?? "", item.Cluster is { } cluster ? $"of the cluster {cluster.Name}" : item.Description ?? "", item.Role ?? "",
                string.Join(' ', item.Keepers?.Select(keeper => keeper.Active ? keeper.Username : $"({keeper.Username})") ?? []), $"{item.ApiKeys}", Times.Full(item.LastUsedAt, now, "never"),
                item.State == "noKeeper" ? "no keeper" : item.State ?? "",
            ], cancellation));

    private static Command New(Actid actid)
    {
        var username = new Argument<string>("USERNAME") { Description = "Its name; it stays, and is given to nobody else" };
        var (description, role, keepers) = (Description(), Role(), Keepers());
        (description.Required, keepers.Required) = (true, true);
        return actid.Command("create", "Make a service account\nNobody signs in with it; its keepers make its keys. Needs a sign-in with --manage.",
            ["actid service-account create archiver --description 'Copies results to the archive' --keeper grace --keeper ada"], [username, description, keepers, role], async (call, cancellation) =>
            {
                using var api = call.Connect();
                var answer = await api.DoAsync(HttpMethod.Post, Path, json =>
                {
                    json.WriteString("username", call.Get(username));
                    Write(call, json, description, role, keepers);
                }, cancellation);
                var made = api.Understand(answer.Body, ApiJson.Default.ServiceAccountItem);
                if (call.Json)
                    call.Show(JsonText.Indent(answer.Body));
                call.Say($"The service account {made.Username} is there, id {made.Id}. Make a key for it: actid service-account key create {made.Id} NAME");
                return ExitCodes.Done;
            });
    }

    private static Command Update(Actid actid)
    {
        var (id, description, role, keepers) = (Id(), Description(), Role(), Keepers());
        var command = actid.Command("update", "Change a service account\nWhat is not named stays; keepers that are named take the place of those before. Keepers who are no administrators change the description only.",
            [$"actid service-account update {Example} --keeper grace --keeper ada", $"actid service-account update {Example} --description 'Nightly copies'"], [id, description, keepers, role],
            async (call, cancellation) =>
            {
                using var api = call.Connect();
                var answer = await api.DoAsync(HttpMethod.Patch, $"{Path}/{call.Get(id)}", json => Write(call, json, description, role, keepers), cancellation);
                if (call.Json)
                    call.Show(JsonText.Indent(answer.Body));
                call.Say($"The service account {call.Get(id)} was changed.");
                return ExitCodes.Done;
            });
        command.Validators.Add(result =>
        {
            if (((Option[])[description, role, keepers]).All(option => result.GetResult(option) is null or { Implicit: true }))
                result.AddError("Say what is to change, such as --description or --keeper.");
        });
        return command;
    }

    private static Command Switch(Actid actid, string verb, bool disabled, string description, string done)
    {
        var id = Id();
        return actid.Command(verb, description, [$"actid service-account {verb} {Example}"], [id], async (call, cancellation) =>
        {
            using var api = call.Connect();
            var answer = await api.DoAsync(HttpMethod.Patch, $"{Path}/{call.Get(id)}", json => json.WriteBoolean("disabled", disabled), cancellation);
            if (call.Json)
                call.Show(JsonText.Indent(answer.Body));
            call.Say($"The service account {call.Get(id)} {done}.");
            return ExitCodes.Done;
        });
    }

    private static void Write(Call call, Utf8JsonWriter json, Option<string?> description, Option<string?> role, Option<string[]> keepers)
    {
        if (call.Get(description) is { } text)
            json.WriteString("description", text);
        if (call.Get(role) is { } wish)
            json.WriteString("role", wish);
        Bodies.WriteList(json, "keepers", call.Get(keepers));
    }

    private static Option<string?> Description() => new("--description") { Description = "What it is for: one line", HelpName = "TEXT" };

    private static Option<string[]> Keepers() => new("--keeper") { Description = "Who makes and ends its keys, by username; may be repeated", HelpName = "USERNAME" };

    private static Option<string?> Role()
    {
        var role = new Option<string?>("--role") { Description = "What its keys may do at most [default: member]", HelpName = "ROLE" };
        role.AcceptOnlyFromAmong([.. Roles.All.Where(known => known < Core.Organizations.Role.Owner).Select(known => known.Word())]);
        return role;
    }
}
