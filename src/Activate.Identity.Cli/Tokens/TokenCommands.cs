using System.CommandLine;
using Activate.Identity.Cli.Output;
using Activate.Identity.Core;

namespace Activate.Identity.Cli.Tokens;

/// <summary><c>actid token list | create | delete</c>: tokens of 1 to 24 hours, to be pasted where a key would live too long.</summary>
internal static class TokenCommands
{
    private const string Path = "/tokens";

    public static Command Create(Actid actid) => actid.Group("token", "Generated tokens, which last 1 to 24 hours",
        ["actid token list", "TOKEN=$(actid token create --hours 2)"],
        actid.Command("list", "List your generated tokens", ["actid token list", "actid token list -o json"], [],
            (call, cancellation) => Lists.ShowAsync(call, Path, "No tokens yet. Make one: actid token create --hours 2", cancellation)),
        New(actid),
        Deletion.Command(actid, "the token", Path, "Delete a generated token", "Programs that use it stop working at once.",
            "actid token delete 01993a52-7c1e-7b3a-9f04-3c5de2a1b870"));

    private static Command New(Actid actid)
    {
        var name = new Argument<string?>("NAME") { Description = "What it is for", Arity = ArgumentArity.ZeroOrOne };
        var hours = new Option<int?>("--hours") { Description = "After how many hours it ends, 1 to 24 [default: what your organization's policy says]", HelpName = "N" };
        var scopes = new Option<string[]>("--scope") { Description = "What it may do; may be repeated [default: platform credentials:read]", HelpName = "SCOPE" };
        scopes.CompletionSources.Add([.. Scopes.ForKeys]);
        return actid.Command("create", "Make a token\nThe token alone goes to stdout, once; it cannot be shown again. Needs a sign-in with --manage.",
            ["actid token create", "TOKEN=$(actid token create notebook --hours 8)"], [name, hours, scopes],
            async (call, cancellation) =>
            {
                using var api = call.Connect();
                var answer = await api.DoAsync(HttpMethod.Post, Path, json =>
                {
                    if (call.Find(name) is { } given)
                        json.WriteString("name", given);
                    // Whatever was given: which lifetimes are allowed is the server's to say.
                    if (call.Get(hours) is { } wish)
                        json.WriteNumber("expiresInHours", wish);
                    Bodies.WriteList(json, "scopes", call.Get(scopes));
                }, cancellation);
                return Secrets.Show(call, api, answer, "the token");
            });
    }
}
