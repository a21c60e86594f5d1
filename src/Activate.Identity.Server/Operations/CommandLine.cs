using Activate.Identity.Core.Errors;

namespace Activate.Identity.Server.Operations;

/// <summary>
/// What the server was started with: a command and its operands, flags, and settings. Settings are .NET's (<c>--Urls=…</c> or <c>--environment Production</c>): a name
/// without <c>=</c> takes the next word as its value.
/// </summary>
/// <param name="Command">Null: serve.</param>
/// <param name="Operands">The words after it.</param>
/// <param name="Force">Do it although something would be replaced.</param>
/// <param name="Help">Only say how.</param>
/// <param name="Settings">The rest, for the configuration.</param>
internal sealed record CommandLine(string? Command, IReadOnlyList<string> Operands, bool Force, bool Help, string[] Settings)
{
    public static Result<CommandLine> Parse(IReadOnlyList<string> arguments)
    {
        var (words, settings) = (new List<string>(), new List<string>());
        var (force, help) = (false, false);
        for (var i = 0; i < arguments.Count; i++)
        {
            switch (arguments[i])
            {
                case "--help" or "-h" or "-?":
                    help = true;
                    break;
                case "--force":
                    force = true;
                    break;
                case var setting when IsSetting(setting):
                    settings.Add(setting);
                    if (setting.Contains('=', StringComparison.Ordinal))
                        break;
                    if (++i == arguments.Count)
                        return Usage($"{setting} has no value.");
                    settings.Add(arguments[i]);
                    break;
                default:
                    words.Add(arguments[i]);
                    break;
            }
        }

        return new CommandLine(words.FirstOrDefault(), [.. words.Skip(1)], force, help, [.. settings]);
    }

    /// <summary>What is wrong with the command line.</summary>
    internal static Problem Usage(string detail) => Problems.Invalid("arguments", "wrong_usage", detail);

    /// <summary>A path may begin with a slash, and be an operand: only <c>--name</c> and <c>name=value</c> are settings.</summary>
    private static bool IsSetting(string argument) => argument.StartsWith('-') || (argument.Contains('=', StringComparison.Ordinal) && !Path.IsPathFullyQualified(argument));
}
