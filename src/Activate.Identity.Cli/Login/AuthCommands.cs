using System.CommandLine;
using System.Text.Json;
using Activate.Identity.Cli.Contexts;
using Activate.Identity.Cli.Output;
using Activate.Identity.Cli.Servers;
using Activate.Identity.Core;
using Activate.Identity.Core.Credentials;

namespace Activate.Identity.Cli.Login;

/// <summary><c>actid auth login | token | apikey | status | logout</c>: getting, handing in, showing and ending a credential.</summary>
internal static class AuthCommands
{
    private static readonly string[] s_scopes = [Scopes.OpenId, Scopes.Profile, Scopes.Platform, Scopes.CredentialsRead];
    private static readonly string[] s_managing = [Scopes.CredentialsWrite, Scopes.OrganizationRead, Scopes.OrganizationWrite];

    public static Command Create(Actid actid) => actid.Group("auth", "Sign in and out, and see who you are",
        ["actid auth login --server https://id.example.org", "actid auth status", "actid auth logout"],
        Login(actid), Token(actid), ApiKey(actid),
        actid.Command("status", "Show who is signed in, where and until when\nThe exit code is 3 when nobody is, or the sign-in has ended.",
            ["actid auth status", "actid auth status -o json", "actid auth status >/dev/null 2>&1 || actid auth login"], [], StatusAsync),
        actid.Command("logout", "End the sign-in at the server, and forget it here\nAn API key is only forgotten here. If the server cannot be told, the exit code is 1.",
            ["actid auth logout", "actid auth logout --context id.example.org"], [], LogoutAsync));

    private static Command Login(Actid actid)
    {
        var hours = new Option<int?>("--hours") { Description = "How long the sign-in is to last, 1 to 24 hours; the server's policy may allow less", HelpName = "N" };
        hours.Validators.Add(result =>
        {
            if (result.Tokens.Count == 1 && (!int.TryParse(result.Tokens[0].Value, System.Globalization.CultureInfo.InvariantCulture, out var number) || number is < 1 or > 24))
                result.AddError("--hours takes a whole number from 1 to 24.");
        });
        var device = new Option<string?>("--device-name") { Description = "What this device calls itself on the approval page [default: the host's name]", HelpName = "NAME" };
        var manage = new Option<bool>("--manage") { Description = "Also ask for what creates and deletes: credentials:write, organization:read and organization:write" };
        var browser = new Option<bool>("--browser") { Description = "Sign in with the browser of this very machine, without a code (RFC 8252)" };
        var noBrowser = new Option<bool>("--no-browser") { Description = "Only print the address and the code, open no browser" };
        var noQr = new Option<bool>("--no-qr") { Description = "Draw no QR code of the address; nor is one drawn with NO_COLOR or TERM=dumb, or beside a browser that opens" };
        var scopes = new Option<string[]>("--scope") { Description = "Ask for this scope instead of the usual ones; may be repeated", HelpName = "SCOPE" };
        scopes.CompletionSources.Add([.. Scopes.All]);
        var command = actid.Command("login",
            "Sign in on this host by allowing it in a browser anywhere\n"
            + "The address of a page and a code are printed (RFC 8628). Compare the code before you allow it. The sign-in lasts at most 24 hours\n"
            + "and is kept under the server's name, or the name given with --context.\n"
            + "With --browser there is no code: the browser brings the answer to a port of 127.0.0.1, so it must run on this very machine.\n"
            + "Over SSH, and wherever the browser is on another machine, leave --browser out.",
            [
                "actid auth login --server https://id.example.org", "actid auth login --hours 8 --device-name login-node-07", "actid auth login --manage --context managing",
                "actid auth login --browser",
            ],
            [hours, device, manage, browser, noBrowser, noQr, scopes],
            (call, cancellation) => LoginAsync(
                call, call.Get(hours), call.Get(device), call.Get(manage), call.Get(browser), !call.Get(noBrowser), !call.Get(noQr), call.Get(scopes) ?? [], cancellation));
        command.Validators.Add(result =>
        {
            if (result.GetValue(browser) && result.GetValue(noBrowser))
                result.AddError("--browser and --no-browser exclude each other.");
        });
        return command;
    }

    private static Command Token(Actid actid)
    {
        var print = new Option<bool>("--print") { Description = "Print the current access token (with -o json as RFC 6749 §5.1) instead of reading one" };
        return actid.Command("token",
            "Keep a generated token that you have, or print the one in use\n"
            + "The token is read from stdin or a hidden prompt, checked at its server, and kept as a context.\n"
            + "With --print, the access token in use is printed for other programs.",
            ["actid auth token < token.txt", "curl -H \"Authorization: Bearer $(actid auth token --print)\" https://platform.example.org/api", "actid auth token --print -o json"],
            [print],
            (call, cancellation) => call.Get(print)
                ? Task.FromResult(PrintToken(call))
                : HandInAsync(call, StoredContext.Token, cancellation));
    }

    private static Command ApiKey(Actid actid) => actid.Command("apikey",
        "Keep an API key that you have\n"
        + "The key is read from stdin or a hidden prompt, checked at its server, and kept as a context. It is never taken from the command line,\n"
        + "where others on the host could see it.",
        ["actid auth apikey < key.txt", "pass show hpc/key | actid auth apikey --context batch"], [],
        (call, cancellation) => HandInAsync(call, StoredContext.ApiKey, cancellation));

    private static async Task<int> LoginAsync(
        Call call, int? hours, string? deviceName, bool manage, bool inBrowser, bool mayOpen, bool draws, string[] scopes, CancellationToken cancellation)
    {
        var name = deviceName is null ? LoginRequest.NameOf(call.Around.HostName)
            : CredentialName.Parse(deviceName).TryGet(out var given, out var problem) ? given : throw Failure.Usage($"--device-name: {problem.Detail}");
        if (scopes.FirstOrDefault(scope => scope.Length == 0 || scope.Any(c => c is <= ' ' or > '~' or '"' or '\\')) is { } wrong)
            throw Failure.Usage($"--scope: '{wrong}' cannot be a scope.");
        var server = ServerToSignInAt(call);
        ServerAddress.RequireSecure(server);
        var context = ContextToKeep(call, server);
        // Now, not after somebody went to a browser for it: a damaged file is not written over.
        call.Contexts.Read(context);

        string[] asked = [.. (scopes.Length > 0 ? scopes : s_scopes).Concat(manage ? s_managing : []).Distinct()];
        using var wire = new Wire(server, call.Around.Time);
        var endpoints = await Discovery.ReadAsync(wire, cancellation);
        var request = new LoginRequest(wire, endpoints, asked, name, hours);
        var opens = mayOpen && HasBrowser(call.Around);
        // Kept before anything else can fail: the code is used up.
        var stored = inBrowser
            ? await new BrowserLogin(request, call.Around).RunAsync(opens, KeepToken, cancellation)
            : KeepToken(await new DeviceLogin(request, call.Around).RunAsync(opens, draws, cancellation));
        var credential = new CredentialInUse(server, stored.Credential, stored.Kind, $"the context '{context}'", context, stored);
        try
        {
            using var api = call.Connect(credential);
            stored = Named(stored, await api.GetAsync("/me", ApiJson.Default.Me, CancellationToken.None));
            call.Contexts.Write(context, stored);
        }
        catch (Exception unknown) when (unknown is Failure or HttpRequestException or OperationCanceledException)
        {
            call.Say("warning: signed in, but the server did not say as whom. Try: actid auth status");
        }

        Report(call, context, stored);
        return ExitCodes.Done;

        StoredContext KeepToken(TokenAnswer answer)
        {
            var token = AccessToken.Read(answer.AccessToken!);
            if (token?.Server is { } own && !ServerAddress.Same(own, server))
                throw Failure.Failed($"{ServerAddress.Origin(server)} gave out a token of {ServerAddress.Origin(own)}. It was not kept.");
            var kept = new StoredContext
            {
                Server = ServerAddress.Origin(server),
                Kind = StoredContext.Session,
                Credential = answer.AccessToken!,
                CredentialName = name,
                Scopes = (answer.Scope ?? token?.Scope)?.Split(' ', StringSplitOptions.RemoveEmptyEntries) ?? asked,
                ExpiresAt = answer.ExpiresIn is { } seconds and >= 0 and < 1e9 ? call.Now + TimeSpan.FromSeconds(Math.Floor(seconds)) : token?.ExpiresAt,
                SavedAt = call.Now,
            };
            Keep(call, context, kept);
            return kept;
        }
    }

    /// <summary>A generated token or API key that somebody has.</summary>
    private static async Task<int> HandInAsync(Call call, string kind, CancellationToken cancellation)
    {
        string text;
        if (call.Around.InIsTerminal)
        {
            call.Around.Error.Write($"{(kind == StoredContext.ApiKey ? "API key" : "Token")} (not shown): ");
            text = call.Around.ReadHidden();
        }
        else
        {
            var buffer = new char[32_768];
            text = new string(buffer, 0, await call.Around.In.ReadBlockAsync(buffer, cancellation));
        }

        var handedIn = CredentialInUse.OfSecret(text, call.Around.InIsTerminal ? "the prompt" : "stdin", kind, CredentialInUse.NamedServer(call));
        var context = ContextToKeep(call, handedIn.Server);
        call.Contexts.Read(context);
        using var api = call.Connect(handedIn);
        var me = await api.GetAsync("/me", ApiJson.Default.Me, cancellation);
        var stored = Named(new StoredContext
        {
            Server = ServerAddress.Origin(handedIn.Server),
            Kind = kind,
            Credential = handedIn.Secret,
            ExpiresAt = AccessToken.Read(handedIn.Secret)?.ExpiresAt,
            SavedAt = call.Now,
        }, me);
        Keep(call, context, stored);
        Report(call, context, stored);
        return ExitCodes.Done;
    }

    private static int PrintToken(Call call)
    {
        var credential = CredentialInUse.Choose(call);
        if (credential.Kind == StoredContext.ApiKey)
            throw Failure.Failed($"There is no access token to print: {credential.Source} holds an API key.", "Programs take the key itself, or sign in: actid auth login");
        if (!call.Json)
        {
            call.Around.Out.WriteLine(credential.Secret);
            return ExitCodes.Done;
        }

        call.Show(JsonText.Write(json =>
        {
            json.WriteStartObject();
            json.WriteString("access_token", credential.Secret);
            json.WriteString("token_type", "Bearer");
            if (credential.ExpiresAt is { } end)
                json.WriteNumber("expires_in", (long)Math.Floor((end - call.Now).TotalSeconds));
            if ((AccessToken.Read(credential.Secret)?.Scope ?? Joined(credential.Context?.Scopes)) is { } scope)
                json.WriteString("scope", scope);
            json.WriteEndObject();
        }));
        return ExitCodes.Done;
    }

    private static async Task<int> StatusAsync(Call call, CancellationToken cancellation)
    {
        var credential = CredentialInUse.Choose(call);
        using var api = call.Connect(credential);
        var answer = await api.DoAsync(HttpMethod.Get, "/me", null, cancellation);
        var me = api.Understand(answer.Body, ApiJson.Default.Me);
        if (call.Json)
        {
            using var document = JsonDocument.Parse(answer.Body);
            call.Show(JsonText.Write(json =>
            {
                json.WriteStartObject();
                json.WriteString("server", ServerAddress.Origin(credential.Server));
                json.WriteString("context", credential.ContextName);
                foreach (var member in document.RootElement.EnumerateObject().Where(member => member.Name is not ("server" or "context")))
                    member.WriteTo(json);
                json.WriteEndObject();
            }));
            return ExitCodes.Done;
        }

        var end = me.Credential?.ExpiresAt ?? credential.ExpiresAt;
        Tables.WritePairs(call.Around,
            ("User", WithName(me.Username, me.DisplayName)),
            ("Organization", WithName(me.Organization?.Slug, me.Organization?.Name)),
            ("Role", me.Operator ? $"{me.Role}, operator" : me.Role),
            ("Server", ServerAddress.Origin(credential.Server)),
            ("Signed in by", $"{StoredContext.Words(me.Credential?.Kind ?? credential.Kind)}{(me.Credential?.Name is { } name ? $" '{name}'" : "")}, from {credential.Source}"),
            ("Scopes", string.Join(' ', me.Credential?.Scopes ?? credential.Context?.Scopes ?? [])),
            ("Ends", Times.Full(end, call.Now, "never")));
        return ExitCodes.Done;
    }

    private static async Task<int> LogoutAsync(Call call, CancellationToken cancellation)
    {
        var (name, stored) = ContextToForget(call);
        var server = ServerAddress.Parse(stored.Server, "The server of the context");
        var credential = new CredentialInUse(server, stored.Credential, stored.Kind, $"the context '{name}'", name, stored);
        Exception? untold = null;
        try
        {
            if (stored.Kind != StoredContext.ApiKey && !(stored.ExpiresAt <= call.Now))
            {
                if (CredentialInUse.OwnServer(stored.Credential) is { } own && !ServerAddress.Same(own, server))
                    throw Failure.Usage($"the token belongs to {ServerAddress.Origin(own)}, not to {stored.Server}, so nothing was sent");
                ServerAddress.RequireSecure(server);
                await Revocation.EndAsync(call, credential, cancellation);
            }
        }
        catch (Failure failure) when (failure.ExitCode == ExitCodes.NotSignedIn)
        {
            // It had already ended there.
        }
        catch (Exception problem) when (problem is Failure or HttpRequestException or OperationCanceledException)
        {
            untold = problem;
        }

        call.Contexts.Forget(name, stored.Credential);
        if (untold is not null)
        {
            throw Failure.Failed($"Signed out here, but {stored.Server} could not be told: {untold.Message}",
                $"The {stored.KindInWords} stays valid there until {(stored.ExpiresAt is { } end ? Times.Exact(end) : "it is deleted")}. End it on the web pages if that matters.");
        }

        call.Say(stored.Kind == StoredContext.ApiKey
            ? $"Forgot the API key of '{name}' here. It still works wherever else it is; to end it: actid api-key delete {stored.CredentialId ?? "ID"}"
            : $"Signed out of {stored.Server} (context '{name}').");
        foreach (var variable in (string[])["ACTID_TOKEN", "ACTID_API_KEY"])
        {
            if (call.Around.Setting(variable) is not null)
                call.Say($"note: {variable} is set and stays in use. To end that too: unset {variable}");
        }

        return ExitCodes.Done;
    }

    private static (string Name, StoredContext Context) ContextToForget(Call call)
    {
        var named = CredentialInUse.NamedServer(call);
        var name = call.ContextOption ?? call.Around.Setting("ACTID_CONTEXT");
        if (name is null)
        {
            var current = call.Contexts.Current;
            if (current is not null && call.Contexts.Read(current) is { } context && (named is null || IsAt(context, named)))
                return (current, context);
            name = named is null ? null : ServerAddress.ContextName(named);
        }

        if (name is null || call.Contexts.Read(name) is not { } chosen)
            throw Failure.NotSignedIn(name is null ? "Not signed in." : $"Not signed in: there is no context '{name}'.", "See what there is: actid context list");
        if (named is not null && !IsAt(chosen, named))
            throw Failure.Usage($"The context '{name}' is at {chosen.Server}, not at {ServerAddress.Origin(named)}.");
        return (name, chosen);

        static bool IsAt(StoredContext context, Uri server) => ServerAddress.Same(ServerAddress.Parse(context.Server, "The server of the context"), server);
    }

    private static Uri ServerToSignInAt(Call call)
    {
        if (call.ServerOption is { } option)
            return ServerAddress.Parse(option, "--server");
        if (call.ContextOption is { } name && call.Contexts.Read(name) is { } existing)
            return ServerAddress.Parse(existing.Server, "The server of the context");
        if (call.Around.Setting("ACTID_SERVER") is { } variable)
            return ServerAddress.Parse(variable, "ACTID_SERVER");
        if ((call.Around.Setting("ACTID_CONTEXT") ?? call.Contexts.Current) is { } current && call.Contexts.Read(current) is { } context)
            return ServerAddress.Parse(context.Server, "The server of the context");
        throw Failure.Usage("Which server? Name it with --server URL, or set ACTID_SERVER.");
    }

    private static string ContextToKeep(Call call, Uri server)
    {
        var name = call.ContextOption ?? call.Around.Setting("ACTID_CONTEXT") ?? ServerAddress.ContextName(server);
        ContextFolder.RequireName(name);
        return name;
    }

    private static void Keep(Call call, string name, StoredContext stored)
    {
        var replaced = call.Contexts.Write(name, stored);
        call.Contexts.Current = name;
        if (replaced is { Kind: StoredContext.ApiKey } && replaced.Credential != stored.Credential)
            call.Say($"note: the API key that '{name}' held was replaced and is kept nowhere here any more.");
    }

    private static StoredContext Named(StoredContext stored, Me me) => stored with
    {
        Kind = me.Credential?.Kind is StoredContext.Session or StoredContext.Token or StoredContext.ApiKey ? me.Credential.Kind : stored.Kind,
        CredentialId = me.Credential?.Id,
        CredentialName = me.Credential?.Name ?? stored.CredentialName,
        Username = me.Username,
        Organization = me.Organization?.Slug,
        Scopes = me.Credential?.Scopes ?? stored.Scopes,
        ExpiresAt = me.Credential?.ExpiresAt ?? stored.ExpiresAt,
    };

    private static void Report(Call call, string context, StoredContext stored)
    {
        var who = stored.Username is null ? "" : $" as {stored.Username}{(stored.Organization is null ? "" : $" of {stored.Organization}")}";
        call.Say($"Signed in{who} at {stored.Server}, {(stored.ExpiresAt is { } end ? $"until {Times.Local(end, call.Around.Time)}" : "without an end")}.");
        call.Say($"Kept as the context '{context}', which is now the current one.");
        if (call.ContextOption is null && (call.Around.Setting("ACTID_TOKEN") ?? call.Around.Setting("ACTID_API_KEY")) is not null)
            call.Say("warning: ACTID_TOKEN or ACTID_API_KEY is set and is used instead. Unset it to use this sign-in.");
        if (!call.Json)
            return;
        call.Show(JsonText.Write(json =>
        {
            json.WriteStartObject();
            json.WriteString("context", context);
            json.WriteString("server", stored.Server);
            json.WriteString("username", stored.Username);
            json.WriteString("organization", stored.Organization);
            json.WriteString("kind", stored.Kind);
            json.WriteStartArray("scopes");
            foreach (var scope in stored.Scopes ?? [])
                json.WriteStringValue(scope);
            json.WriteEndArray();
            json.WriteString("expiresAt", stored.ExpiresAt is { } until ? Times.Exact(until) : null);
            json.WriteEndObject();
        }));
    }

    /// <summary>Whether a browser would open where the person sits.</summary>
    private static bool HasBrowser(Surroundings around) => around.Setting("SSH_CONNECTION") is null
        && (OperatingSystem.IsWindows() || OperatingSystem.IsMacOS() || around.Setting("DISPLAY") is not null || around.Setting("WAYLAND_DISPLAY") is not null);

    private static string? Joined(string[]? scopes) => scopes is null ? null : string.Join(' ', scopes);

    private static string? WithName(string? name, string? fullName) => fullName is null || fullName == name ? name : $"{name} ({fullName})";
}
