using System.CommandLine;
using Activate.Identity.Cli.Output;
using Activate.Identity.Cli.Servers;

namespace Activate.Identity.Cli.Organizations;

/// <summary><c>actid organization list | create | suspend | resume</c>: the organizations of the server, for its operators.</summary>
internal static class OrganizationCommands
{
    private const string Path = "/organizations";
    private const string Example = "01993a52-7c1e-7b3a-9f04-3c5de2a1b870";

    public static Command Create(Actid actid) => actid.Group("organization", "The organizations of the server, for its operators",
        ["actid organization list", "LINK=$(actid organization create 'Ocean Lab' --owner grace --email grace@example.org)"],
        actid.Command("list", "List the organizations of the server", ["actid organization list", "actid organization list -o json"], [],
            (call, cancellation) => Lists.ShowAsync(call, Path, "There are none.", ["ID", "SLUG", "NAME", "PEOPLE", "SINCE", "STATE"], ApiJson.Default.OrganizationItem,
                (item, now) => [item.Id ?? "", item.Slug ?? "", item.Name ?? "", item.People.ToString(System.Globalization.CultureInfo.InvariantCulture), Times.Full(item.CreatedAt, now, ""), item.Suspended ? "suspended" : "active"],
                cancellation)),
        New(actid),
        Switch(actid, "suspend", true, "Suspend an organization\nNothing of it works within a second, anywhere, until it is resumed.", "is suspended: nothing of it works until it is resumed"),
        Switch(actid, "resume", false, "Let a suspended organization work again\nWhat time has not ended meanwhile works again.", "works again"));

    private static Command New(Actid actid)
    {
        var name = new Argument<string>("NAME") { Description = "Its name for people" };
        var slug = new Option<string?>("--slug") { Description = "Its name for programs, which stays [default: made of the name]", HelpName = "SLUG" };
        var owner = new Option<string>("--owner") { Description = "The username of its first owner", HelpName = "USERNAME", Required = true };
        var email = new Option<string>("--email") { Description = "The owner's e-mail address", HelpName = "EMAIL", Required = true };
        return actid.Command("create", "Create an organization, and invite its owner\nThe owner's link alone goes to stdout, once. It works once, within 7 days. Needs a sign-in with --manage.",
            ["LINK=$(actid organization create 'Ocean Lab' --owner grace --email grace@example.org)", "actid organization create 'Ocean Lab' --slug ocean --owner grace --email grace@example.org -o json"],
            [name, slug, owner, email],
            async (call, cancellation) =>
            {
                using var api = call.Connect();
                var answer = await api.DoAsync(HttpMethod.Post, Path, json =>
                {
                    json.WriteString("name", call.Get(name));
                    if (call.Get(slug) is { } text)
                        json.WriteString("slug", text);
                    json.WriteStartObject("owner");
                    json.WriteString("username", call.Get(owner));
                    json.WriteString("email", call.Get(email));
                    json.WriteEndObject();
                }, cancellation);
                var made = api.Understand(answer.Body, ApiJson.Default.OrganizationItem);
                if (made.InvitationUrl is not { Length: > 0 } link || link.Any(c => c is <= ' ' or > '~'))
                    throw Failure.Failed($"{ServerAddress.Origin(api.Server)} did not answer with a link.");
                call.Show(call.Json ? JsonText.Indent(answer.Body) : link);
                call.Say($"The organization {made.Slug} was created, id {made.Id}. {call.Get(owner)} is invited as its owner.");
                call.Say("Hand the link over to this person only: whoever has it becomes them. It works once, and cannot be shown again.");
                return ExitCodes.Done;
            });
    }

    private static Command Switch(Actid actid, string verb, bool suspended, string description, string done)
    {
        var id = Ids.Argument("Which one, by its id from 'actid organization list'");
        return actid.Command(verb, description, [$"actid organization {verb} {Example}"], [id], async (call, cancellation) =>
        {
            using var api = call.Connect();
            var answer = await api.DoAsync(HttpMethod.Patch, $"{Path}/{call.Get(id)}", json => json.WriteBoolean("suspended", suspended), cancellation);
            if (call.Json)
                call.Show(JsonText.Indent(answer.Body));
            call.Say($"The organization {call.Get(id)} {done}.");
            return ExitCodes.Done;
        });
    }
}
