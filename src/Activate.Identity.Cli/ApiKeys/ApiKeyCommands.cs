using System.CommandLine;
using Activate.Identity.Cli.Output;

namespace Activate.Identity.Cli.ApiKeys;

/// <summary><c>actid api-key list | create | rename | limit | rotate | delete</c>: keys for programs that run without a person.</summary>
internal static class ApiKeyCommands
{
    private const string Path = "/api-keys";

    public static Command Create(Actid actid) => actid.Group("api-key", "API keys, for programs that run without a person",
        ["actid api-key list", "KEY=$(actid api-key create nightly --days 30)"],
        actid.Command("list", "List your API keys, with their ends and last uses", ["actid api-key list", "actid api-key list -o json"], [],
            (call, cancellation) => Lists.ShowAsync(call, Path, "No API keys yet. Make one: actid api-key create NAME", cancellation)),
        New(actid), Rename(actid), Limit(actid), Rotate(actid), Delete(actid));

    private static Command New(Actid actid)
    {
        var name = new Argument<string>("NAME") { Description = "What it is for, such as the name of the program" };
        var options = new KeyOptions();
        var command = actid.Command("create",
            "Make an API key\nThe key alone goes to stdout, once; it cannot be shown again. Needs a sign-in with --manage: no key makes a key.",
            ["actid api-key create nightly", "KEY=$(actid api-key create ci --days 30 --scope platform)", "actid api-key create backup --no-expiration --allow-address 192.0.2.0/24 -o json"],
            [name, .. options.All],
            async (call, cancellation) =>
            {
                using var api = call.Connect();
                var answer = await api.DoAsync(HttpMethod.Post, Path, json =>
                {
                    json.WriteString("name", call.Get(name));
                    options.Write(call, json);
                }, cancellation);
                return Secrets.Show(call, api, answer, "the API key");
            });
        options.Check(command);
        return command;
    }

    private static Command Limit(Actid actid)
    {
        var id = Ids.Argument("The key, by its id from 'actid api-key list'");
        var (addresses, anywhere) = (KeyOptions.Addresses(), new Option<bool>("--anywhere") { Description = "From everywhere again" });
        var command = actid.Command("limit", "Say from where an API key may be used\nThe addresses take the place of those before, at once. Needs a sign-in with --manage.",
            ["actid api-key limit 01993a52-7c1e-7b3a-9f04-3c5de2a1b870 --allow-address 192.0.2.7 --allow-address 2001:db8::/32", "actid api-key limit 01993a52-7c1e-7b3a-9f04-3c5de2a1b870 --anywhere"],
            [id, addresses, anywhere], async (call, cancellation) =>
            {
                using var api = call.Connect();
                var answer = await api.DoAsync(HttpMethod.Patch, $"{Path}/{call.Get(id)}", json =>
                {
                    if (call.Get(anywhere))
                        json.WriteNull("allowedAddresses");
                    else
                        Bodies.WriteList(json, "allowedAddresses", call.Get(addresses));
                }, cancellation);
                if (call.Json)
                    call.Show(JsonText.Indent(answer.Body));
                call.Say(call.Get(anywhere) ? "The API key works from everywhere now." : $"The API key works from {string.Join(", ", call.Get(addresses)!)} only.");
                return ExitCodes.Done;
            });
        command.Validators.Add(result =>
        {
            if (result.GetValue(addresses) is { Length: > 0 } == result.GetValue(anywhere))
                result.AddError("Say either --allow-address, once for each, or --anywhere.");
        });
        return command;
    }

    private static Command Rename(Actid actid)
    {
        var id = Ids.Argument("The key, by its id from 'actid api-key list'");
        var name = new Argument<string>("NAME") { Description = "The new name" };
        return actid.Command("rename", "Give an API key another name", ["actid api-key rename 01993a52-7c1e-7b3a-9f04-3c5de2a1b870 nightly-2"], [id, name], async (call, cancellation) =>
        {
            using var api = call.Connect();
            var answer = await api.DoAsync(HttpMethod.Patch, $"{Path}/{call.Get(id)}", json => json.WriteString("name", call.Get(name)), cancellation);
            if (call.Json && answer.Body.Length > 0)
                call.Show(JsonText.Indent(answer.Body));
            call.Say($"The API key is called '{call.Get(name)}' now.");
            return ExitCodes.Done;
        });
    }

    private static Command Rotate(Actid actid)
    {
        var id = Ids.Argument("The key, by its id from 'actid api-key list'");
        var overlap = new Option<int?>("--overlap-hours") { Description = "How long the old secret goes on working, at most 168 [default: 24]", HelpName = "N" };
        return actid.Command("rotate",
            "Give an API key a new secret\nName, id, scopes and end stay; the old secret goes on working for a while. A key may rotate itself.",
            ["actid api-key rotate 01993a52-7c1e-7b3a-9f04-3c5de2a1b870", "actid api-key rotate 01993a52-7c1e-7b3a-9f04-3c5de2a1b870 --overlap-hours 1 > key.new"],
            [id, overlap],
            async (call, cancellation) =>
            {
                using var api = call.Connect();
                var answer = await api.DoAsync(HttpMethod.Post, $"{Path}/{call.Get(id)}/rotate", json =>
                {
                    if (call.Get(overlap) is { } hours)
                        json.WriteNumber("overlapHours", hours);
                }, cancellation);
                return Secrets.Show(call, api, answer, "the new secret of the API key");
            });
    }

    private static Command Delete(Actid actid) => Deletion.Command(actid, "the API key", Path, "Delete an API key\nBoth secrets, if it is being rotated.",
        "Programs that use it stop working at once.", "actid api-key delete 01993a52-7c1e-7b3a-9f04-3c5de2a1b870");
}
