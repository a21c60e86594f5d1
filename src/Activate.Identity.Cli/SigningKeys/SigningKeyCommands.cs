using System.CommandLine;
using Activate.Identity.Cli.Output;
using Activate.Identity.Cli.Servers;

namespace Activate.Identity.Cli.SigningKeys;

/// <summary><c>actid signing-key list | rotate</c>: the keys with which the server signs tokens, for its operators.</summary>
internal static class SigningKeyCommands
{
    private const string Path = "/signing-keys";

    public static Command Create(Actid actid) => actid.Group("signing-key", "The keys with which the server signs tokens, for its operators",
        ["actid signing-key list", "actid signing-key rotate"],
        actid.Command("list", "List the keys that are published: upcoming, current and retiring", ["actid signing-key list", "actid signing-key list -o json"], [],
            (call, cancellation) => Lists.ShowAsync(call, Path, "The server has no signing keys.",
                ["KID", "ALGORITHM", "CREATED", "SIGNS FROM", "RETIRES", "STATE"], ApiJson.Default.SigningKeyItem, Row, cancellation)),
        Rotate(actid));

    private static Command Rotate(Actid actid) => actid.Command("rotate",
        "Make new signing keys\nOne of each algorithm: published at once, and signing ten minutes later, when every cache knows it. Tokens signed before stay valid. Needs a sign-in with --manage.",
        ["actid signing-key rotate", "actid signing-key rotate -o json"], [],
        async (call, cancellation) =>
        {
            using var api = call.Connect();
            var answer = await api.DoAsync(HttpMethod.Post, $"{Path}/rotate", null, cancellation);
            if (call.Json)
                call.Show(JsonText.Indent(answer.Body));
            var now = call.Now;
            foreach (var key in api.Understand(answer.Body, ApiJson.Default.Page).Items.Select(item => Lists.Read(item, ApiJson.Default.SigningKeyItem)))
                call.Say($"The new {key.Algorithm} key {key.Kid} signs {Times.Full(key.SignsFrom, now, "now")}.");
            return ExitCodes.Done;
        });

    private static string[] Row(SigningKeyItem item, DateTimeOffset now) =>
    [
        item.Kid ?? "", item.Algorithm ?? "", Times.Full(item.CreatedAt, now, ""), Times.Full(item.SignsFrom, now, ""), Times.Full(item.RetiresAt, now, "never"), item.State ?? "",
    ];
}
