using System.CommandLine;
using System.Text;
using System.Text.Json;
using Activate.Identity.Cli.Output;
using Activate.Identity.Cli.Servers;
using Activate.Identity.Core.Members;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Core.SshKeys;

namespace Activate.Identity.Cli.Members;

/// <summary><c>actid member list | invite | new-link | role | disable | enable | revoke-credentials | reset-second-factor | remove | import</c>: the people of your organization.</summary>
internal static class MemberCommands
{
    private const string Path = "/organization/members";
    private const string Example = "01993a52-7c1e-7b3a-9f04-3c5de2a1b870";

    public static Command Create(Actid actid) => actid.Group("member", "The people of your organization",
        ["actid member list", "LINK=$(actid member invite grace grace@example.org)", "actid member import people.csv --dry-run"],
        List(actid), Invite(actid), NewLink(actid), Role(actid),
        Change(actid, "disable", "Disable an account\nNothing of it works within a second, anywhere, until it is enabled again.", "is disabled: nothing of it works until it is enabled again", json => json.WriteBoolean("disabled", true)),
        Change(actid, "enable", "Enable an account again\nWhat time has not ended meanwhile works again.", "is enabled", json => json.WriteBoolean("disabled", false)),
        Revoke(actid), ResetSecondFactor(actid), Remove(actid), PeopleImport.Create(actid));

    private static Command List(Actid actid)
    {
        var search = new Option<string?>("--search") { Description = "Only those with this in their username, name or e-mail address", HelpName = "TEXT" };
        return actid.Command("list", "List the people of your organization", ["actid member list", "actid member list --search grace", "actid member list -o json"], [search],
            (call, cancellation) => Lists.ShowAsync(call, call.Get(search) is { Length: > 0 } text ? $"{Path}?search={Uri.EscapeDataString(text)}" : Path, "Nobody.",
                ["ID", "USERNAME", "NAME", "E-MAIL", "ROLE", "STATE", "INVITED UNTIL"], ApiJson.Default.MemberItem,
                (item, now) => [item.Id ?? "", item.Username ?? "", item.DisplayName ?? "", item.Email ?? "", item.Role ?? "", item.State ?? "", Times.Full(item.InvitationExpiresAt, now, "")], cancellation));
    }

    private static Command Invite(Actid actid)
    {
        var username = new Argument<string>("USERNAME") { Description = "Their login on every cluster; it stays" };
        var email = new Argument<string>("EMAIL") { Description = "Their e-mail address" };
        var role = new Option<string?>("--role") { Description = "What they may do [default: member]; other roles are given by owners", HelpName = "ROLE" };
        role.AcceptOnlyFromAmong([.. Roles.All.Select(known => known.Word())]);
        var name = new Option<string?>("--name") { Description = "Their name for people", HelpName = "NAME" };
        return actid.Command("invite",
            "Invite somebody\nThe link alone goes to stdout, once: hand it over to this person only. It works once, within 7 days. Needs a sign-in with --manage.",
            ["LINK=$(actid member invite grace grace@example.org)", "actid member invite grace grace@example.org --role admin -o json"], [username, email, role, name],
            async (call, cancellation) =>
            {
                using var api = call.Connect();
                return ShowLink(call, api, await api.DoAsync(HttpMethod.Post, Path, json =>
                {
                    json.WriteString("username", call.Get(username));
                    json.WriteString("email", call.Get(email));
                    if (call.Get(role) is { } wish)
                        json.WriteString("role", wish);
                    if (call.Get(name) is { } text)
                        json.WriteString("displayName", text);
                }, cancellation));
            });
    }

    private static Command NewLink(Actid actid)
    {
        var id = Id();
        return actid.Command("new-link", "Make a new link for somebody who has not come yet\nIt takes the place of the old one, which works no more.", [$"LINK=$(actid member new-link {Example})"], [id],
            async (call, cancellation) =>
            {
                using var api = call.Connect();
                return ShowLink(call, api, await api.DoAsync(HttpMethod.Post, $"{Path}/{call.Get(id)}/invitation", null, cancellation));
            });
    }

    private static Command Role(Actid actid)
    {
        var id = Id();
        var role = new Argument<string>("ROLE") { Description = "member, admin or owner" };
        role.AcceptOnlyFromAmong([.. Roles.All.Select(known => known.Word())]);
        return actid.Command("role", "Give somebody another role", [$"actid member role {Example} admin"], [id, role], async (call, cancellation) =>
        {
            using var api = call.Connect();
            var answer = await api.DoAsync(HttpMethod.Patch, $"{Path}/{call.Get(id)}", json => json.WriteString("role", call.Get(role)), cancellation);
            if (call.Json)
                call.Show(JsonText.Indent(answer.Body));
            call.Say($"The role of {call.Get(id)} is now {call.Get(role)}.");
            return ExitCodes.Done;
        });
    }

    private static Command Change(Actid actid, string verb, string description, string done, Action<Utf8JsonWriter> write)
    {
        var id = Id();
        return actid.Command(verb, description, [$"actid member {verb} {Example}"], [id], async (call, cancellation) =>
        {
            using var api = call.Connect();
            var answer = await api.DoAsync(HttpMethod.Patch, $"{Path}/{call.Get(id)}", write, cancellation);
            if (call.Json)
                call.Show(JsonText.Indent(answer.Body));
            call.Say($"The account {call.Get(id)} {done}.");
            return ExitCodes.Done;
        });
    }

    private static Command Revoke(Actid actid)
    {
        var (id, yes) = (Id(), Yes());
        return actid.Command("revoke-credentials", "End all that somebody has\nAPI keys, tokens, sessions, SSH keys, connected applications and browser sessions. The account stays.",
            [$"actid member revoke-credentials {Example}", $"actid member revoke-credentials {Example} --yes"], [id, yes], async (call, cancellation) =>
            {
                using var api = call.Connect();
                call.Confirm($"End every key, token, session and SSH key of {call.Get(id)}? Jobs that use them fail until they get new ones.", call.Get(yes));
                var answer = await api.DoAsync(HttpMethod.Post, $"{Path}/{call.Get(id)}/revoke-credentials", null, cancellation);
                if (call.Json)
                    call.Show(JsonText.Indent(answer.Body));
                var ended = api.Understand(answer.Body, ApiJson.Default.EndedCredentials);
                call.Say($"Ended: API keys {ended.ApiKeys}, tokens {ended.Tokens}, sessions {ended.Sessions}, SSH keys {ended.SshKeys}, applications {ended.Applications}, browser sessions {ended.BrowserSessions}.");
                return ExitCodes.Done;
            });
    }

    private static Command ResetSecondFactor(Actid actid)
    {
        var (id, yes) = (Id(), Yes());
        return actid.Command("reset-second-factor", "Take the second factors from somebody who has lost them\nAuthenticator app, passkeys and recovery codes go, and browsers are signed out. The password stays, and so do keys.",
            [$"actid member reset-second-factor {Example}"], [id, yes], async (call, cancellation) =>
            {
                using var api = call.Connect();
                call.Confirm($"Reset the second factor of {call.Get(id)}? Make sure that it is this person who asks.", call.Get(yes));
                var answer = await api.DoAsync(HttpMethod.Post, $"{Path}/{call.Get(id)}/reset-second-factor", null, cancellation);
                if (call.Json)
                    call.Show(JsonText.Indent(answer.Body));
                call.Say($"The second factors of {call.Get(id)} are gone. The password alone signs in until another is set up.");
                return ExitCodes.Done;
            });
    }

    private static Command Remove(Actid actid)
    {
        var (id, yes) = (Id(), Yes());
        return actid.Command("remove", "Remove somebody, cancel an invitation, or leave yourself\nThe account goes with everything it has; its username is not given to anybody else. 'disable' can be undone.",
            [$"actid member remove {Example}", $"actid member remove {Example} --yes"], [id, yes], async (call, cancellation) =>
            {
                using var api = call.Connect();
                call.Confirm($"Remove {call.Get(id)} with everything the account has? It cannot be undone; 'actid member disable' can.", call.Get(yes));
                await api.DoAsync(HttpMethod.Delete, $"{Path}/{call.Get(id)}", null, cancellation);
                call.Say($"Removed {call.Get(id)}.");
                return ExitCodes.Done;
            });
    }

    /// <summary>The link alone on stdout; every word about it on stderr.</summary>
    private static int ShowLink(Call call, ApiClient api, Answer answer)
    {
        var member = api.Understand(answer.Body, ApiJson.Default.MemberItem);
        if (member.InvitationUrl is not { Length: > 0 } link || link.Any(c => c is <= ' ' or > '~'))
            throw Failure.Failed($"{ServerAddress.Origin(api.Server)} did not answer with a link.");
        call.Show(call.Json ? JsonText.Indent(answer.Body) : link);
        call.Say($"{member.Username} is invited as {member.Role}, id {member.Id}, until {Times.Full(member.InvitationExpiresAt, call.Now, "?")}.");
        call.Say("Hand the link over to this person only: whoever has it becomes them. It works once, and cannot be shown again.");
        return ExitCodes.Done;
    }

    private static Argument<string> Id() => Ids.Argument("Who, by the id from 'actid member list'");

    private static Option<bool> Yes() => new("--yes", "-y") { Description = "Do not ask; without a terminal nothing is asked anyway" };
}
