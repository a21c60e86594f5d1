using System.CommandLine;
using Activate.Identity.Cli.Output;

namespace Activate.Identity.Cli.Contexts;

/// <summary><c>actid context list | use NAME</c>: several servers or users side by side.</summary>
internal static class ContextCommands
{
    public static Command Create(Actid actid)
    {
        var name = new Argument<string>("NAME") { Description = "The context to use from now on" };
        name.CompletionSources.Add(actid.ContextNames);
        return actid.Group("context", "See and choose the stored sign-ins", ["actid context list", "actid context use id.example.org"],
            actid.Command("list", "List the stored sign-ins; asks no server", ["actid context list", "actid context list -o json"], [], ListAsync),
            actid.Command("use", "Make a stored sign-in the current one", ["actid context use id.example.org"], [name], (call, _) => UseAsync(call, call.Get(name))));
    }

    private static Task<int> ListAsync(Call call, CancellationToken cancellation)
    {
        var current = call.Contexts.Current;
        var contexts = new List<(string Name, StoredContext Context)>();
        Failure? damaged = null;
        foreach (var name in call.Contexts.Names())
        {
            try
            {
                if (call.Contexts.Read(name) is { } context)
                    contexts.Add((name, context));
            }
            catch (Failure failure)
            {
                // One damaged file must not hide the others.
                damaged ??= failure;
            }
        }

        if (call.Json)
            call.Show(Json(contexts, current));
        else if (contexts.Count > 0)
            Tables.Write(call.Around, ["", "NAME", "SERVER", "USER", "KIND", "EXPIRES"], contexts.Select(item => Row(item.Name, item.Context, current, call.Now)));
        else if (damaged is null)
            call.Say("No contexts yet. Make one: actid auth login --server URL");
        return damaged is null ? Task.FromResult(ExitCodes.Done) : throw damaged;
    }

    private static string[] Row(string name, StoredContext context, string? current, DateTimeOffset now) =>
        [name == current ? "*" : "", name, context.Server, context.Username ?? "", context.KindInWords, Times.Full(context.ExpiresAt, now, "never")];

    private static string Json(List<(string Name, StoredContext Context)> contexts, string? current) => JsonText.Write(json =>
    {
        json.WriteStartObject();
        json.WriteStartArray("items");
        foreach (var (name, context) in contexts)
        {
            json.WriteStartObject();
            json.WriteString("name", name);
            json.WriteString("server", context.Server);
            json.WriteString("username", context.Username);
            json.WriteString("organization", context.Organization);
            json.WriteString("kind", context.Kind);
            json.WriteString("expiresAt", context.ExpiresAt is { } end ? Times.Exact(end) : null);
            json.WriteBoolean("current", name == current);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    });

    private static Task<int> UseAsync(Call call, string name)
    {
        if (call.Contexts.Read(name) is not { } context)
            throw Failure.Failed($"There is no context '{name}'.", "See what there is: actid context list");
        call.Contexts.Current = name;
        call.Say($"Using '{name}': {context.Username ?? "somebody"} at {context.Server}.");
        return Task.FromResult(ExitCodes.Done);
    }
}
