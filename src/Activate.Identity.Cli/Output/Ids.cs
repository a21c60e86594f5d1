using System.CommandLine;

namespace Activate.Identity.Cli.Output;

internal static class Ids
{
    /// <summary>An id as an argument. Anything but a UUID is refused here: it goes into a path, and <c>..</c> is no id.</summary>
    public static Argument<string> Argument(string description, string name = "ID")
    {
        var id = new Argument<string>(name) { Description = description };
        id.Validators.Add(result =>
        {
            if (result.Tokens.Count == 1 && !Guid.TryParseExact(result.Tokens[0].Value, "D", out _))
                result.AddError($"'{SafeText.OneLine(result.Tokens[0].Value)}' is no id. Ids are UUIDs: see the list.");
        });
        return id;
    }
}
