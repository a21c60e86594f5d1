using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Activate.Identity.Cli.Output;
using Activate.Identity.Cli.Servers;
using Activate.Identity.Core.IdentityProviders;

namespace Activate.Identity.Cli.IdentityProviders;

/// <summary><c>actid identity-provider list | show | create | change | check | delete</c>: where the people of your organization sign in.</summary>
internal static class IdentityProviderCommands
{
    private const string Path = "/organization/identity-providers";
    private const string Example = "01993a52-7c1e-7b3a-9f04-3c5de2a1b870";

    public static Command Create(Actid actid) => actid.Group("identity-provider", "Your organization's own sign-in: OpenID Connect providers",
        ["actid identity-provider list", "actid identity-provider create University --issuer https://login.example.org --client-id activate --client-secret-file - --domain example.org < secret"],
        List(actid), Show(actid), New(actid), Change(actid), Check(actid), Delete(actid));

    private static Command List(Actid actid) => actid.Command("list", "List the providers of your organization", ["actid identity-provider list", "actid identity-provider list -o json"], [],
        (call, cancellation) => Lists.ShowAsync(call, Path, "No providers yet. Add one: actid identity-provider create NAME --issuer URL --client-id ID",
            ["ID", "NAME", "ISSUER", "PEOPLE", "PAUSE", "STATE"], ApiJson.Default.IdentityProviderItem,
            (item, _) => [item.Id ?? "", item.Name ?? "", item.Issuer ?? "", item.People.ToString(CultureInfo.InvariantCulture), Pause(item.PauseAfterDays), item.Enabled ? "on" : "off"], cancellation));

    private static Command Show(Actid actid)
    {
        var id = Id();
        return actid.Command("show", "Show one provider", [$"actid identity-provider show {Example}", $"actid identity-provider show {Example} -o json"], [id], async (call, cancellation) =>
        {
            using var api = call.Connect();
            ShowItem(call, api, await api.DoAsync(HttpMethod.Get, $"{Path}/{call.Get(id)}", null, cancellation));
            return ExitCodes.Done;
        });
    }

    private static Command New(Actid actid)
    {
        var name = new Argument<string>("NAME") { Description = "What people click" };
        var issuer = new Option<string>("--issuer") { Description = "As it stands in the provider's discovery document; it stays", HelpName = "URL", Required = true };
        var client = new Option<string>("--client-id") { Description = "The one that the provider gave", HelpName = "ID", Required = true };
        var members = new Members();
        return actid.Command("create", "Add a provider\nRegister this server there first, with the redirect URI that 'show' tells. Needs a sign-in with --manage.",
            ["actid identity-provider create University --issuer https://login.example.org --client-id activate --client-secret-file secret --domain example.org",
                "actid identity-provider create Company --issuer https://login.example.org --client-id activate --claim groups=hpc --groups-claim groups --role hpc-admins=admin --trust-mfa --pause-after-days 30"],
            [name, issuer, client, .. members.All],
            async (call, cancellation) =>
            {
                var secret = await members.ReadSecretAsync(call, cancellation);
                using var api = call.Connect();
                var answer = await api.DoAsync(HttpMethod.Post, Path, json =>
                {
                    json.WriteString("name", call.Get(name));
                    json.WriteString("issuer", call.Get(issuer));
                    json.WriteString("clientId", call.Get(client));
                    members.Write(call, json, secret);
                }, cancellation);
                var item = api.Understand(answer.Body, ApiJson.Default.IdentityProviderItem);
                call.Show(call.Json ? JsonText.Indent(answer.Body) : item.Id ?? "");
                call.Say($"Added the provider '{item.Name}'. It has to allow the redirect URI {item.RedirectUri}");
                call.Say($"Your people begin at {item.SignInUri}");
                return ExitCodes.Done;
            });
    }

    private static Command Change(Actid actid)
    {
        var (id, members) = (Id(), new Members());
        var name = new Option<string?>("--name") { Description = "A new name", HelpName = "NAME" };
        var client = new Option<string?>("--client-id") { Description = "Another client id at the provider", HelpName = "ID" };
        var enable = new Option<bool>("--enable") { Description = "Switch it on" };
        var disable = new Option<bool>("--disable") { Description = "Switch it off: nobody signs in there, and nobody is paused for that" };
        Option[] options = [name, client, enable, disable, .. members.All];
        var command = actid.Command("change", "Change a provider\nWhat is not named stays; a list that is named replaces the old one, and '' empties it. The issuer stays.",
            [$"actid identity-provider change {Example} --domain example.org --domain example.com", $"actid identity-provider change {Example} --pause-after-days 0", $"actid identity-provider change {Example} --disable"],
            [id, .. options],
            async (call, cancellation) =>
            {
                if (call.Get(enable) && call.Get(disable))
                    throw Failure.Usage("--enable and --disable together mean nothing.");
                var secret = await members.ReadSecretAsync(call, cancellation);
                using var api = call.Connect();
                var answer = await api.DoAsync(HttpMethod.Patch, $"{Path}/{call.Get(id)}", json =>
                {
                    if (call.Get(name) is { } text)
                        json.WriteString("name", text);
                    if (call.Get(client) is { } known)
                        json.WriteString("clientId", known);
                    if (call.Get(enable) || call.Get(disable))
                        json.WriteBoolean("enabled", call.Get(enable));
                    members.Write(call, json, secret);
                }, cancellation);
                if (call.Json)
                    call.Show(JsonText.Indent(answer.Body));
                call.Say($"The provider {call.Get(id)} was changed.");
                return ExitCodes.Done;
            });
        command.Validators.Add(result =>
        {
            if (options.All(option => result.GetResult(option) is null or { Implicit: true }))
                result.AddError("Say what is to change, such as --domain or --disable.");
        });
        return command;
    }

    private static Command Check(Actid actid)
    {
        var id = Id();
        return actid.Command("check", "Read what a provider publishes, and say what is wrong\nExit code 1 when something is.", [$"actid identity-provider check {Example}"], [id], async (call, cancellation) =>
        {
            using var api = call.Connect();
            var answer = await api.DoAsync(HttpMethod.Post, $"{Path}/{call.Get(id)}/check", null, cancellation);
            var report = api.Understand(answer.Body, ApiJson.Default.ProviderReport);
            if (call.Json)
                call.Show(JsonText.Indent(answer.Body));
            else
                foreach (var finding in report.Findings ?? [])
                    call.Show($"{(finding.Good ? "good " : "WRONG")}  {finding.Text}");
            return report.Good ? ExitCodes.Done : ExitCodes.Failed;
        });
    }

    private static Command Delete(Actid actid)
    {
        var id = Id();
        var yes = new Option<bool>("--yes", "-y") { Description = "Do not ask; without a terminal nothing is asked anyway" };
        return actid.Command("delete", "Delete a provider\nNobody signs in there any more. The accounts stay; added again, it does not know them.", [$"actid identity-provider delete {Example}", $"actid identity-provider delete {Example} --yes"], [id, yes],
            async (call, cancellation) =>
            {
                using var api = call.Connect();
                call.Confirm($"Delete the provider {call.Get(id)}? Who has neither password nor passkey here cannot sign in any more. 'actid identity-provider change --disable' can be undone.", call.Get(yes));
                await api.DoAsync(HttpMethod.Delete, $"{Path}/{call.Get(id)}", null, cancellation);
                call.Say($"Deleted the provider {call.Get(id)}.");
                return ExitCodes.Done;
            });
    }

    private static Argument<string> Id() => Ids.Argument("The provider, by its id from 'actid identity-provider list'");

    private static string Pause(int? days) => days is { } number ? $"after {number} days" : "never";

    private static void ShowItem(Call call, ApiClient api, Answer answer)
    {
        if (call.Json)
        {
            call.Show(JsonText.Indent(answer.Body));
            return;
        }

        var item = api.Understand(answer.Body, ApiJson.Default.IdentityProviderItem);
        Tables.WritePairs(call.Around,
        [
            ("Name", item.Name), ("Issuer", item.Issuer), ("Client ID", item.ClientId), ("Client secret", item.HasClientSecret ? "there is one" : "none"), ("Redirect URI", item.RedirectUri),
            ("People begin at", item.SignInUri), ("People", item.People.ToString(CultureInfo.InvariantCulture)), ("Scopes", Words(item.Scopes)),
            ("Who may come", item.AllowedDomains is { Length: > 0 } || item.RequiredClaim is not null ? null : "by invitation only"), ("Domains", Words(item.AllowedDomains)),
            ("Addresses", item.TrustsEmail ? "all believed" : "when verified"), ("Required claim", item.RequiredClaim is { } claim ? $"{claim.Name}={claim.Value}" : null), ("Groups in", item.GroupsClaim),
            .. (item.Roles ?? []).Select(pair => ("Role", (string?)$"{pair.Key}={pair.Value}")), ("Second factor", item.TrustsMfa ? "believed" : "asked for here"), ("Two factors in acr", Words(item.MfaContexts)),
            ("Pause", Pause(item.PauseAfterDays)), ("State", item.Enabled ? "on" : "off"), ("Added", item.CreatedAt is { } at ? Times.Full(at, call.Now) : null),
        ]);
    }

    private static string? Words(IReadOnlyCollection<string>? words) => words is { Count: > 0 } ? string.Join(' ', words) : null;

    /// <summary>The options that create and change have.</summary>
    private sealed class Members
    {
        private readonly Option<string?> _secret = new("--client-secret-file") { Description = "A file with the client secret that the provider gave; - is stdin", HelpName = "FILE" };
        private readonly Option<string[]> _scopes = new("--scope") { Description = "What is asked for; may be repeated [default: openid profile email]", HelpName = "SCOPE" };
        private readonly Option<string[]> _domains = new("--domain") { Description = "A domain whose verified addresses may come without an invitation; may be repeated", HelpName = "DOMAIN" };
        private readonly Option<bool?> _trustEmail = new("--trust-email") { Description = "Believe every address, verified or not", HelpName = "true|false" };
        private readonly Option<string?> _claim = new("--claim") { Description = "A claim without which nobody comes without an invitation", HelpName = "NAME=VALUE" };
        private readonly Option<string?> _groups = new("--groups-claim") { Description = "The claim that lists groups, often groups", HelpName = "NAME" };
        private readonly Option<string[]> _roles = new("--role") { Description = "The role of a group, member or admin; may be repeated", HelpName = "GROUP=ROLE" };
        private readonly Option<bool?> _trustMfa = new("--trust-mfa") { Description = "Believe the provider's second factor", HelpName = "true|false" };
        private readonly Option<string[]> _contexts = new("--mfa-acr") { Description = "A value of acr that means two factors; may be repeated", HelpName = "ACR" };
        private readonly Option<int?> _pause = new("--pause-after-days") { Description = "Pause the credentials of whoever has not signed in there for so many days; 0: never", HelpName = "N" };

        public IEnumerable<Option> All => [_secret, _scopes, _domains, _trustEmail, _claim, _groups, _roles, _trustMfa, _contexts, _pause];

        /// <summary>Never from the command line, which every process of the machine can read.</summary>
        public async Task<string?> ReadSecretAsync(Call call, CancellationToken cancellation)
        {
            if (call.Get(_secret) is not { } file)
                return null;
            try
            {
                var buffer = new char[IdentityProviderRules.LongestSecret + 3];
                using var opened = file == "-" ? null : new StreamReader(file);
                var length = await (opened ?? call.Around.In).ReadBlockAsync(buffer, cancellation);
                var secret = new string(buffer, 0, length).TrimEnd('\r', '\n');
                return secret.Length > 0 && IdentityProviderRules.Secret(secret) is null ? secret : throw Failure.Usage("--client-secret-file: that is no client secret. Nothing was sent.");
            }
            catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
            {
                throw Failure.Usage($"--client-secret-file: {problem.Message}");
            }
        }

        public void Write(Call call, Utf8JsonWriter json, string? secret)
        {
            if (secret is not null)
                json.WriteString("clientSecret", secret);
            WriteList(json, "scopes", call.Get(_scopes));
            WriteList(json, "allowedDomains", call.Get(_domains));
            if (call.Get(_trustEmail) is { } trustsEmail)
                json.WriteBoolean("trustsEmail", trustsEmail);
            if (call.Get(_claim) is { } claim)
            {
                if (claim.Length == 0)
                {
                    json.WriteNull("requiredClaim");
                }
                else
                {
                    var (name, value) = Pair(claim, "--claim", claim.IndexOf('=', StringComparison.Ordinal));
                    json.WriteStartObject("requiredClaim");
                    json.WriteString("name", name);
                    json.WriteString("value", value);
                    json.WriteEndObject();
                }
            }

            if (call.Get(_groups) is { } groups)
                json.WriteString("groupsClaim", groups.Length == 0 ? null : groups);
            if (call.Get(_roles) is { Length: > 0 } roles)
            {
                json.WriteStartObject("roles");
                foreach (var role in roles.Where(role => role.Length > 0))
                {
                    var (group, word) = Pair(role, "--role", role.LastIndexOf('='));
                    json.WriteString(group, word);
                }

                json.WriteEndObject();
            }

            if (call.Get(_trustMfa) is { } trustsMfa)
                json.WriteBoolean("trustsMfa", trustsMfa);
            WriteList(json, "mfaContexts", call.Get(_contexts));
            if (call.Get(_pause) is { } days)
            {
                if (days == 0)
                    json.WriteNull("pauseAfterDays");
                else
                    json.WriteNumber("pauseAfterDays", days);
            }
        }

        private static (string Name, string Value) Pair(string text, string option, int at) =>
            at > 0 && at < text.Length - 1 ? (text[..at], text[(at + 1)..]) : throw Failure.Usage($"{option}: write it with a '=' in between, such as groups=hpc. Nothing was sent.");

        private static void WriteList(Utf8JsonWriter json, string member, string[]? list)
        {
            if (list is not { Length: > 0 })
                return;
            json.WriteStartArray(member);
            foreach (var text in list.Where(text => text.Length > 0))
                json.WriteStringValue(text);
            json.WriteEndArray();
        }
    }
}
