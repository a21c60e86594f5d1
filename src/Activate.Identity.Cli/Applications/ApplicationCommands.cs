using System.CommandLine;
using System.Text.Json;
using Activate.Identity.Cli.Output;
using Activate.Identity.Cli.Servers;
using Activate.Identity.Core.Applications;

namespace Activate.Identity.Cli.Applications;

/// <summary><c>actid app list | show | create | update | suspend | resume | rotate-secret | delete</c>: programs of third parties that sign people in or accept tokens.</summary>
internal static class ApplicationCommands
{
    private const string Example = "01993a52-7c1e-7b3a-9f04-3c5de2a1b870";
    private const int LargestFile = 64 * 1024;

    public static Command Create(Actid actid) => actid.Group("app", "Applications in which people sign in, or that accept tokens of this server",
        ["actid app list", "SECRET=$(actid app create Portal --type web --redirect-uri https://portal.example.org/callback --scope openid --scope profile)"],
        List(actid), Show(actid), New(actid), Update(actid),
        Switch(actid, "suspend", true, "Suspend an application\nIt gets nothing, and what it got does not work, until it is resumed.", "is suspended: what it got does not work until it is resumed"),
        Switch(actid, "resume", false, "Let a suspended application work again", "works again"),
        Rotate(actid), Delete(actid));

    private static Command List(Actid actid)
    {
        var wide = ServerWide();
        return actid.Command("list", "List the applications of your organization", ["actid app list", "actid app list -o json", "actid app list --server-wide"], [wide],
            (call, cancellation) => Lists.ShowAsync(call, Path(call, wide), "No applications yet. Register one: actid app create NAME --type TYPE",
                ["ID", "NAME", "TYPE", "SCOPES", "LAST4", "STATE"], ApiJson.Default.ApplicationItem,
                (item, _) => [item.Id ?? "", item.Name ?? "", item.Type ?? "", string.Join(' ', item.Scopes ?? []), item.SecretLast4 ?? "", item.Suspended ? "suspended" : "active"], cancellation));
    }

    private static Command Show(Actid actid)
    {
        var (id, wide) = (Id(), ServerWide());
        return actid.Command("show", "Show one application", [$"actid app show {Example}", $"actid app show {Example} -o json"], [id, wide], async (call, cancellation) =>
        {
            using var api = call.Connect();
            ShowItem(call, api, await api.DoAsync(HttpMethod.Get, $"{Path(call, wide)}/{call.Get(id)}", null, cancellation));
            return ExitCodes.Done;
        });
    }

    private static Command New(Actid actid)
    {
        var name = new Argument<string>("NAME") { Description = "What people read before they allow it anything" };
        var type = new Option<string>("--type") { Description = "What it is: web (on a server), browser, native (on people's devices), service (without people), resourceServer (an API)", HelpName = "TYPE", Required = true };
        type.AcceptOnlyFromAmong([.. ApplicationKinds.All.Select(kind => kind.Word())]);
        var (members, wide) = (new Members(isNew: true), ServerWide());
        return actid.Command("create",
            "Register an application\nIts secret alone goes to stdout, once; it cannot be shown again. One that has no secret (browser, native, or with --jwks): its client id. Needs a sign-in with --manage.",
            [
                "SECRET=$(actid app create Portal --type web --redirect-uri https://portal.example.org/callback --scope openid --scope profile)",
                "actid app create Tool --type native --redirect-uri http://127.0.0.1/callback --scope platform --scope offline_access",
                "actid app create Nightly --type service --scope platform --jwks keys.json", "actid app create Api --type resourceServer --resource https://api.example.org -o json",
            ],
            [name, type, .. members.All, wide],
            async (call, cancellation) =>
            {
                var keys = await members.ReadKeysAsync(call, cancellation);
                using var api = call.Connect();
                var answer = await api.DoAsync(HttpMethod.Post, Path(call, wide), json =>
                {
                    json.WriteString("name", call.Get(name));
                    json.WriteString("type", call.Get(type));
                    members.Write(call, json, keys);
                }, cancellation);
                return ShowSecret(call, api, answer, "registered");
            });
    }

    private static Command Update(Actid actid)
    {
        var (id, wide, members) = (Id(), ServerWide(), new Members(isNew: false));
        var name = new Option<string?>("--name") { Description = "A new name", HelpName = "NAME" };
        var command = actid.Command("update",
            "Change an application\nWhat is not named stays; a list that is named replaces the old one. When it may ask for more, or has a new redirect URI, everybody who allowed it is asked again.",
            [$"actid app update {Example} --name 'Portal 2'", $"actid app update {Example} --redirect-uri https://portal.example.org/callback --redirect-uri https://new.example.org/callback", $"actid app update {Example} --publisher ''"],
            [id, name, .. members.All, wide],
            async (call, cancellation) =>
            {
                var keys = await members.ReadKeysAsync(call, cancellation);
                using var api = call.Connect();
                var answer = await api.DoAsync(HttpMethod.Patch, $"{Path(call, wide)}/{call.Get(id)}", json =>
                {
                    if (call.Get(name) is { } text)
                        json.WriteString("name", text);
                    members.Write(call, json, keys);
                }, cancellation);
                if (call.Json)
                    call.Show(JsonText.Indent(answer.Body));
                call.Say($"The application {call.Get(id)} was changed.");
                return ExitCodes.Done;
            });
        command.Validators.Add(result =>
        {
            if (members.All.Append(name).All(option => result.GetResult(option) is null or { Implicit: true }))
                result.AddError("Say what is to change, such as --name or --redirect-uri.");
        });
        return command;
    }

    private static Command Switch(Actid actid, string verb, bool suspended, string description, string done)
    {
        var (id, wide) = (Id(), ServerWide());
        return actid.Command(verb, description, [$"actid app {verb} {Example}"], [id, wide], async (call, cancellation) =>
        {
            using var api = call.Connect();
            var answer = await api.DoAsync(HttpMethod.Patch, $"{Path(call, wide)}/{call.Get(id)}", json => json.WriteBoolean("suspended", suspended), cancellation);
            if (call.Json)
                call.Show(JsonText.Indent(answer.Body));
            call.Say($"The application {call.Get(id)} {done}.");
            return ExitCodes.Done;
        });
    }

    private static Command Rotate(Actid actid)
    {
        var (id, wide) = (Id(), ServerWide());
        var overlap = new Option<int?>("--overlap-hours") { Description = "How long the old secret goes on working, at most 168; 0: only the new one works, at once [default: 24]", HelpName = "N" };
        return actid.Command("rotate-secret", "Give an application a new secret\nThe secret alone goes to stdout, once; the old one goes on working for a while.",
            [$"actid app rotate-secret {Example} > secret.new", $"actid app rotate-secret {Example} --overlap-hours 0"], [id, overlap, wide],
            async (call, cancellation) =>
            {
                using var api = call.Connect();
                var answer = await api.DoAsync(HttpMethod.Post, $"{Path(call, wide)}/{call.Get(id)}/secret", json =>
                {
                    if (call.Get(overlap) is { } hours)
                        json.WriteNumber("overlapHours", hours);
                }, cancellation);
                return ShowSecret(call, api, answer, "given a new secret", mustHaveSecret: true);
            });
    }

    private static Command Delete(Actid actid)
    {
        var (id, wide) = (Id(), ServerWide());
        var yes = new Option<bool>("--yes", "-y") { Description = "Do not ask; without a terminal nothing is asked anyway" };
        return actid.Command("delete", "Delete an application\nAll that it got ends.", [$"actid app delete {Example}", $"actid app delete {Example} --yes"], [id, yes, wide], async (call, cancellation) =>
        {
            using var api = call.Connect();
            call.Confirm($"Delete the application {call.Get(id)}? Everybody who is signed in to it is signed out of it at once. 'actid app suspend' can be undone.", call.Get(yes));
            await api.DoAsync(HttpMethod.Delete, $"{Path(call, wide)}/{call.Get(id)}", null, cancellation);
            call.Say($"Deleted the application {call.Get(id)}.");
            return ExitCodes.Done;
        });
    }

    private static Argument<string> Id() => Ids.Argument("The application, by its id from 'actid app list'");

    private static Option<bool> ServerWide() => new("--server-wide") { Description = "The applications of every organization; for operators of the server" };

    private static string Path(Call call, Option<bool> serverWide) => call.Get(serverWide) ? "/applications" : "/organization/applications";

    /// <summary>The secret alone on stdout, or what stands for it where there is none; every word about it on stderr.</summary>
    private static int ShowSecret(Call call, ApiClient api, Answer answer, string done, bool mustHaveSecret = false)
    {
        var item = api.Understand(answer.Body, ApiJson.Default.ApplicationItem);
        var data = item.ClientSecret ?? (mustHaveSecret ? null : item.ClientId);
        if (data is null || data.Length == 0 || data.Any(c => c is <= ' ' or > '~'))
            throw Failure.Failed($"{ServerAddress.Origin(api.Server)} did not answer with {(mustHaveSecret ? "the secret" : "the application")}.");
        call.Show(call.Json ? JsonText.Indent(answer.Body) : data);
        call.Say($"The application '{item.Name}' was {done}. Its client id is {item.ClientId}.");
        if (item.PreviousSecretEndsAt is { } end)
            call.Say($"The old secret works until {Times.Full(end, call.Now)}.");
        call.Say(item.ClientSecret is null ? "It has no secret." : "This is its secret. It cannot be shown again: keep it now.");
        return ExitCodes.Done;
    }

    private static void ShowItem(Call call, ApiClient api, Answer answer)
    {
        if (call.Json)
        {
            call.Show(JsonText.Indent(answer.Body));
            return;
        }

        var item = api.Understand(answer.Body, ApiJson.Default.ApplicationItem);
        Tables.WritePairs(call.Around,
        [
            ("Client ID", item.ClientId), ("Name", item.Name), ("Type", item.Type), ("Publisher", item.Publisher), ("Logo", item.LogoUri), ("State", item.Suspended ? "suspended" : "active"),
            ("Grants", Words(item.Grants?.Select(Grants.Word))), ("Scopes", Words(item.Scopes)), .. (item.RedirectUris ?? []).Select(uri => ("Redirect URI", (string?)uri)),
            .. (item.PostLogoutRedirectUris ?? []).Select(uri => ("After sign-out", (string?)uri)), ("Audiences", Words(item.Resources)), ("ID tokens", item.SigningAlgorithm),
            ("Secret", item.SecretLast4 is null ? item.Jwks is null ? "none" : "none, it has keys of its own" : $"…{item.SecretLast4}"),
            ("Old secret", item.PreviousSecretEndsAt is { } end && end > call.Now ? $"works {Times.Full(end, call.Now)}" : null), ("Registered", item.CreatedAt is { } at ? Times.Full(at, call.Now) : null),
        ]);
    }

    private static string? Words(IEnumerable<string>? words) => words is null || !words.Any() ? null : string.Join(' ', words);

    /// <summary>The options that make up an application, for create and update.</summary>
    private sealed class Members
    {
        private readonly Option<string[]> _redirects = new("--redirect-uri") { Description = "Where people are sent back to, exactly; may be repeated", HelpName = "URI" };
        private readonly Option<string[]> _logouts = new("--post-logout-redirect-uri") { Description = "Where people may be sent after they signed out; may be repeated", HelpName = "URI" };
        private readonly Option<string[]> _scopes = new("--scope") { Description = "What it may ask for; may be repeated", HelpName = "SCOPE" };
        private readonly Option<string[]> _grants;
        private readonly Option<string[]> _resources = new("--resource") { Description = "An audience it answers for; may be repeated", HelpName = "URI" };
        private readonly Option<string?> _publisher = new("--publisher") { Description = "Who makes it, shown beside the name", HelpName = "TEXT" };
        private readonly Option<string?> _logo = new("--logo-uri") { Description = "An https address", HelpName = "URI" };
        private readonly Option<string?> _keys = new("--jwks") { Description = "A file with its public keys (JWKS), instead of a secret; - is stdin", HelpName = "FILE" };
        private readonly Option<bool> _noKeys = new("--no-jwks") { Description = "Take its keys away; then 'rotate-secret' gives it a secret" };
        private readonly Option<string?> _algorithm = new("--signing-algorithm") { Description = "How its ID tokens are signed [default: RS256]", HelpName = "RS256|ES256" };
        private readonly bool _isNew;

        public Members(bool isNew)
        {
            _isNew = isNew;
            _grants = new Option<string[]>("--grant") { Description = $"How it gets tokens; may be repeated{(isNew ? " [default: the usual ones of the type]" : "")}", HelpName = "GRANT" };
            _grants.CompletionSources.Add([.. Grants.All.Select(Grants.Word)]);
            _scopes.CompletionSources.Add([.. ApplicationRules.ScopesOffered]);
            _algorithm.AcceptOnlyFromAmong([.. ApplicationRules.SigningAlgorithms]);
        }

        public IEnumerable<Option> All => _isNew
            ? [_redirects, _logouts, _scopes, _grants, _resources, _publisher, _logo, _keys, _algorithm]
            : [_redirects, _logouts, _scopes, _grants, _resources, _publisher, _logo, _keys, _noKeys, _algorithm];

        /// <summary>The keys, looked at before anything is sent: a private key never leaves this machine.</summary>
        public async Task<string?> ReadKeysAsync(Call call, CancellationToken cancellation)
        {
            if (call.Get(_keys) is not { } file)
                return null;
            try
            {
                var buffer = new char[LargestFile + 1];
                using var opened = file == "-" ? null : new StreamReader(file);
                var length = await (opened ?? call.Around.In).ReadBlockAsync(buffer, cancellation);
                if (length > LargestFile)
                    throw Failure.Usage("--jwks: that is far too long to be a key set. Nothing was sent.");
                if (ApplicationKeySet.Parse(new string(buffer, 0, length)).TryGet(out var keys, out var problem))
                    return keys;
                throw problem.Code == "jwks_private"
                    ? Failure.Usage($"This holds a PRIVATE key. Nothing was sent: it stays on this machine. ({problem.Code})", "Give the file with the public keys only.")
                    : Failure.Usage($"--jwks: {problem.Detail} ({problem.Code})", "Nothing was sent.");
            }
            catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
            {
                throw Failure.Usage($"--jwks: {problem.Message}");
            }
        }

        public void Write(Call call, Utf8JsonWriter json, string? keys)
        {
            WriteText(json, "publisher", call.Get(_publisher));
            WriteText(json, "logoUri", call.Get(_logo));
            WriteList(json, "redirectUris", call.Get(_redirects));
            WriteList(json, "postLogoutRedirectUris", call.Get(_logouts));
            WriteList(json, "grants", call.Get(_grants));
            WriteList(json, "scopes", call.Get(_scopes));
            WriteList(json, "resources", call.Get(_resources));
            if (keys is not null)
            {
                json.WritePropertyName("jwks");
                json.WriteRawValue(keys);
            }
            else if (!_isNew && call.Get(_noKeys))
            {
                json.WriteNull("jwks");
            }

            if (call.Get(_algorithm) is { } algorithm)
                json.WriteString("signingAlgorithm", algorithm);
        }

        /// <summary>Nothing between the quotes takes away what was there.</summary>
        private static void WriteText(Utf8JsonWriter json, string member, string? text)
        {
            if (text is { Length: > 0 })
                json.WriteString(member, text);
            else if (text is not null)
                json.WriteNull(member);
        }

        private static void WriteList(Utf8JsonWriter json, string member, string[]? list)
        {
            if (list is not { Length: > 0 })
                return;
            json.WriteStartArray(member);
            foreach (var text in list)
                json.WriteStringValue(text);
            json.WriteEndArray();
        }
    }
}
