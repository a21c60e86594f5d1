using System.CommandLine;

namespace Activate.Identity.Cli.Output;

/// <summary><c>delete ID</c>, the same for every kind of credential.</summary>
internal static class Deletion
{
    public static Command Command(Actid actid, string what, string path, string description, string consequence, string example)
    {
        var id = Ids.Argument("Which one, by its id from the list");
        var yes = new Option<bool>("--yes", "-y") { Description = "Do not ask; without a terminal nothing is asked anyway" };
        return actid.Command("delete", description, [example, $"{example} --yes"], [id, yes], async (call, cancellation) =>
        {
            using var api = call.Connect();
            call.Confirm($"Delete {what} {call.Get(id)}? {consequence}", call.Get(yes));
            await api.DoAsync(HttpMethod.Delete, $"{path}/{call.Get(id)}", null, cancellation);
            call.Say($"Deleted {what} {call.Get(id)}.");
            return ExitCodes.Done;
        });
    }
}
