using Spectre.Console;

namespace Activate.Identity.Cli.Output;

/// <summary>Plain columns: readable on a terminal, and one line per row for grep and awk when it is none.</summary>
internal static class Tables
{
    public static void Write(Surroundings around, string[] headers, IEnumerable<string[]> rows)
    {
        var table = new Table { Border = TableBorder.None };
        foreach (var header in headers)
            table.AddColumn(new TableColumn(new Text(header)) { NoWrap = header is "ID" or "STATE", Padding = new Padding(0, 0, 2, 0) });
        foreach (var row in rows)
            table.AddRow(row.Select(cell => new Text(SafeText.OneLine(cell))));
        Console(around.Out, around.OutIsTerminal).Write(table);
    }

    /// <summary>Names and values, one per line.</summary>
    public static void WritePairs(Surroundings around, params IEnumerable<(string Name, string? Value)> pairs)
    {
        var known = pairs.Where(pair => pair.Value is not null).ToList();
        var width = known.Max(pair => pair.Name.Length);
        foreach (var (name, value) in known)
            around.Out.WriteLine($"{name.PadRight(width)}  {SafeText.OneLine(value)}");
    }

    public static IAnsiConsole Console(TextWriter writer, bool isTerminal)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(writer),
            Ansi = isTerminal ? AnsiSupport.Detect : AnsiSupport.No,
            ColorSystem = isTerminal ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors,
        });
        console.Profile.Width = isTerminal ? TerminalWidth() : 10_000;
        return console;
    }

    /// <summary>In characters; 80 where it cannot be known.</summary>
    internal static int TerminalWidth()
    {
        try
        {
            return Math.Max(40, System.Console.WindowWidth);
        }
        catch (Exception problem) when (problem is IOException or PlatformNotSupportedException)
        {
            return 80;
        }
    }
}
