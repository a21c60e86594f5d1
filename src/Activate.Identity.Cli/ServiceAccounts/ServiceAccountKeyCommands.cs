using System.CommandLine;
using Activate.Identity.Cli.ApiKeys;
using Activate.Identity.Cli.Output;

namespace Activate.Identity.Cli.ServiceAccounts;

/// <summary><c>actid service-account key list | create | rotate | delete</c>: for the keepers of an account.</summary>
internal static class ServiceAccountKeyCommands
{
    private const string Account = ServiceAccountCommands.Example;
    private const string Key = "01993a53-11aa-7c2b-8d15-4d6ef3b2c981";

    public static Command Create(Actid actid) => actid.Group("key", "API keys of a service account, for its keepers",
        [$"actid service-account key list {Account}", $"KEY=$(actid service-account key create {Account} nightly --days 90)"],
        List(actid), New(actid), Rotate(actid), Delete(actid));

    private static Command List(Actid actid)
    {
        var account = ServiceAccountCommands.Id();
        return actid.Command("list", "List the API keys of a service account", [$"actid service-account key list {Account}"], [account],
            (call, cancellation) => Lists.ShowAsync(call, Of(call.Get(account)), $"It has no API keys. Make one: actid service-account key create {call.Get(account)} NAME", cancellation));
    }

    private static Command New(Actid actid)
    {
        var account = ServiceAccountCommands.Id();
        var name = new Argument<string>("NAME") { Description = "What it is for, such as the name of the program" };
        var options = new KeyOptions();
        var command = actid.Command("create", "Make an API key for a service account\nThe key alone goes to stdout, once; it cannot be shown again. Needs a sign-in with --manage.",
            [$"KEY=$(actid service-account key create {Account} nightly --days 90)", $"actid service-account key create {Account} nightly --allow-address 192.0.2.0/24 -o json"], [account, name, .. options.All],
            async (call, cancellation) =>
            {
                using var api = call.Connect();
                var answer = await api.DoAsync(HttpMethod.Post, Of(call.Get(account)), json =>
                {
                    json.WriteString("name", call.Get(name));
                    options.Write(call, json);
                }, cancellation);
                return Secrets.Show(call, api, answer, "the API key of the service account");
            });
        options.Check(command);
        return command;
    }

    private static Command Rotate(Actid actid)
    {
        var (account, key) = (ServiceAccountCommands.Id(), KeyId());
        var overlap = new Option<int?>("--overlap-hours") { Description = "How long the old secret goes on working, at most 168 [default: 24]", HelpName = "N" };
        return actid.Command("rotate", "Give an API key of a service account a new secret\nName, id, scopes and end stay; the old secret goes on working for a while.",
            [$"actid service-account key rotate {Account} {Key} > key.new"], [account, key, overlap], async (call, cancellation) =>
            {
                using var api = call.Connect();
                var answer = await api.DoAsync(HttpMethod.Post, $"{Of(call.Get(account))}/{call.Get(key)}/rotate", json =>
                {
                    if (call.Get(overlap) is { } hours)
                        json.WriteNumber("overlapHours", hours);
                }, cancellation);
                return Secrets.Show(call, api, answer, "the new secret of the API key");
            });
    }

    private static Command Delete(Actid actid)
    {
        var (account, key) = (ServiceAccountCommands.Id(), KeyId());
        var yes = new Option<bool>("--yes", "-y") { Description = "Do not ask; without a terminal nothing is asked anyway" };
        return actid.Command("delete", "Delete an API key of a service account\nBoth secrets, if it is being rotated.", [$"actid service-account key delete {Account} {Key}"], [account, key, yes], async (call, cancellation) =>
        {
            using var api = call.Connect();
            call.Confirm($"Delete the API key {call.Get(key)}? Programs that use it stop working at once.", call.Get(yes));
            await api.DoAsync(HttpMethod.Delete, $"{Of(call.Get(account))}/{call.Get(key)}", null, cancellation);
            call.Say($"Deleted the API key {call.Get(key)}.");
            return ExitCodes.Done;
        });
    }

    private static string Of(string account) => $"{ServiceAccountCommands.Path}/{account}/api-keys";

    private static Argument<string> KeyId() => Ids.Argument("The key, by its id from 'actid service-account key list'", "KEY");
}
