using System.CommandLine;
using Activate.Identity.Cli.Output;
using Activate.Identity.Core;

namespace Activate.Identity.Cli.ApiKeys;

/// <summary><c>actid api-key list | create | rename | rotate | delete</c>: keys for programs that run without a person.</summary>
internal static class ApiKeyCommands
{
    private const string Path = "/api-keys";

    public static Command Create(Actid actid) => actid.Group("api-key", "API keys, for programs that run without a person",
        ["actid api-key list", "KEY=$(actid api-key create nightly --days 30)"],
        actid.Command("list", "List your API keys, with their ends and last uses", ["actid api-key list", "actid api-key list -o json"], [],
            (call, cancellation) => Lists.ShowAsync(call, Path, "No API keys yet. Make one: actid api-key create NAME", cancellation)),
        New(actid), Rename(actid), Rotate(actid), Delete(actid));

    private static Command New(Actid actid)
    {
        var name = new Argument<string>("NAME") { Description = "What it is for, such as the name of the program" };
        var days = new Option<int?>("--days") { Description = "After how many days it ends [default: what your organization's policy says]", HelpName = "N" };
        var endless = new Option<bool>("--no-expiration") { Description = "It never ends, where policy allows that" };
        var scopes = new Option<string[]>("--scope") { Description = "What it may do; may be repeated [default: platform credentials:read]", HelpName = "SCOPE" };
        scopes.CompletionSources.Add([.. Scopes.ForKeys]);
        var command = actid.Command("create",
            "Make an API key\nThe key alone goes to stdout, once; it cannot be shown again. Needs a sign-in with --manage: no key makes a key.",
            ["actid api-key create nightly", "KEY=$(actid api-key create ci --days 30 --scope platform)", "actid api-key create backup --no-expiration -o json"],
            [name, days, endless, scopes],
            async (call, cancellation) =>
            {
                using var api = call.Connect();
                var answer = await api.DoAsync(HttpMethod.Post, Path, json =>
                {
                    json.WriteString("name", call.Get(name));
                    // Absent means the default of the policy, null means no end: three different wishes.
                    if (call.Get(endless))
                        json.WriteNull("expiresInDays");
                    else if (call.Get(days) is { } wish)
                        json.WriteNumber("expiresInDays", wish);
                    Bodies.WriteScopes(json, call.Get(scopes));
                }, cancellation);
                return Secrets.Show(call, api, answer, "the API key");
            });
        command.Validators.Add(result =>
        {
            if (result.GetResult(days) is { Implicit: false } && result.GetValue(endless))
                result.AddError("--days and --no-expiration exclude each other.");
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
