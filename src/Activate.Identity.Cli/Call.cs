using System.CommandLine;
using Activate.Identity.Cli.Contexts;
using Activate.Identity.Cli.Output;
using Activate.Identity.Cli.Servers;

namespace Activate.Identity.Cli;

/// <summary>One invocation of one command: what was typed, and where it runs.</summary>
internal sealed class Call(Actid actid, ParseResult parsed, Surroundings around)
{
    public Surroundings Around { get; } = around;

    public ContextFolder Contexts { get; } = new(around);

    public bool Json => parsed.GetValue(actid.Output) == "json";

    public string? ServerOption => parsed.GetValue(actid.Server);

    public string? ContextOption => parsed.GetValue(actid.Context);

    public DateTimeOffset Now => Around.Time.GetUtcNow();

    public T? Get<T>(Option<T> option) => parsed.GetValue(option);

    public T Get<T>(Argument<T> argument) => parsed.GetRequiredValue(argument);

    public T? Find<T>(Argument<T> argument) => parsed.GetValue(argument);

    /// <summary>Words for people. They go to stderr, so that stdout holds data only.</summary>
    public void Say(string line) => Around.Error.WriteLine(SafeText.OneLine(line));

    /// <summary>Data, exactly; only where a person would read it, nothing in it may drive the terminal.</summary>
    public void Show(string data) => Around.Out.WriteLine(Around.OutIsTerminal ? SafeText.Lines(data) : data);

    /// <summary>The API, with the credential that this call is to use.</summary>
    public ApiClient Connect() => Connect(CredentialInUse.Choose(this));

    public ApiClient Connect(CredentialInUse credential) => new(credential.Server, credential.Secret, Around, WarnOfEnding(credential));

    /// <summary>Asks before something is destroyed, where somebody is there to be asked.</summary>
    public void Confirm(string question, bool yes)
    {
        if (yes || !Around.InIsTerminal || !Around.ErrorIsTerminal)
            return;
        Around.Error.Write($"{SafeText.OneLine(question)} [y/N] ");
        if (Around.In.ReadLine()?.Trim().ToUpperInvariant() is not ("Y" or "YES"))
            throw Failure.Failed("Nothing was changed.");
    }

    /// <summary>A session or token ends within a day by nature; a key that is about to end deserves a word.</summary>
    private Action<DateTimeOffset>? WarnOfEnding(CredentialInUse credential) => credential.Kind == StoredContext.ApiKey && Around.ErrorIsTerminal
        ? end => Say($"note: this API key ends {Times.Full(end, Now)}")
        : null;
}
