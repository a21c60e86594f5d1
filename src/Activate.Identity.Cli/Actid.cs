using System.CommandLine;
using System.CommandLine.Completions;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.Net.Sockets;
using Activate.Identity.Cli.Api;
using Activate.Identity.Cli.ApiKeys;
using Activate.Identity.Cli.Applications;
using Activate.Identity.Cli.Audit;
using Activate.Identity.Cli.Clusters;
using Activate.Identity.Cli.Completion;
using Activate.Identity.Cli.Contexts;
using Activate.Identity.Cli.IdentityProviders;
using Activate.Identity.Cli.Inventory;
using Activate.Identity.Cli.Leaks;
using Activate.Identity.Cli.Login;
using Activate.Identity.Cli.Members;
using Activate.Identity.Cli.Organizations;
using Activate.Identity.Cli.Output;
using Activate.Identity.Cli.ServiceAccounts;
using Activate.Identity.Cli.Sessions;
using Activate.Identity.Cli.SigningKeys;
using Activate.Identity.Cli.SshCertificates;
using Activate.Identity.Cli.SshKeys;
using Activate.Identity.Cli.Tokens;

namespace Activate.Identity.Cli;

/// <summary>The program: the list of nouns, the options that every command takes, and the one place where a failure becomes a line and an exit code.</summary>
internal sealed class Actid
{
    public Option<string?> Output { get; } = new Option<string?>("--output", "-o")
    {
        Description = "How to show the answer: table for people, json for programs",
        HelpName = "table|json",
        Recursive = true,
    }.AcceptOnlyFromAmong("table", "json");

    public Option<string?> Server { get; } = new("--server")
    {
        Description = "The server, such as https://id.example.org [else ACTID_SERVER, else the server of the context, key or token]",
        HelpName = "URL",
        Recursive = true,
    };

    public Option<string?> Context { get; } = new("--context")
    {
        Description = "The stored sign-in to use, see 'actid context list' [else ACTID_CONTEXT, else the current one]",
        HelpName = "NAME",
        Recursive = true,
    };

    private readonly Surroundings _around;
    private readonly Dictionary<Command, Documentation> _documentation = [];

    public Actid(Surroundings around)
    {
        _around = around;
        Context.CompletionSources.Add(ContextNames);
    }

    public async Task<int> RunAsync(string[] args)
    {
        try
        {
            // No response files: "--data @body.json" is for us.
            var parsed = Root().Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
            if (parsed.Action is ParseErrorAction)
                return WrongUsage(parsed);
            return await parsed.InvokeAsync(new InvocationConfiguration { Output = _around.Out, Error = _around.Error, EnableDefaultExceptionHandler = false });
        }
        catch (Failure failure)
        {
            Complain(failure.Message, failure.Details);
            return failure.ExitCode;
        }
        catch (OperationCanceledException problem) when (problem.InnerException is TimeoutException)
        {
            Complain("The server did not answer in time. Try again, or ask whoever runs it.");
            return ExitCodes.Failed;
        }
        catch (OperationCanceledException)
        {
            Complain("Interrupted.");
            return ExitCodes.Interrupted;
        }
        catch (HttpRequestException problem)
        {
            Complain($"The server cannot be reached: {Innermost(problem).Message}");
            return ExitCodes.Failed;
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            Complain(problem.Message);
            return ExitCodes.Failed;
        }
#pragma warning disable CA1031 // The last resort. Only the type and the place are shown: a message could quote a secret.
        catch (Exception problem)
#pragma warning restore CA1031
        {
            Complain($"Unexpected {problem.GetType().Name}: this is a bug in actid. Please report it with these lines.", problem.StackTrace ?? "");
            return ExitCodes.Failed;
        }
    }

    /// <summary>A command with a handler. The first line of the description stands in lists, the rest in its own help.</summary>
    public Command Command(string name, string description, string[] examples, Symbol[] takes, Func<Call, CancellationToken, Task<int>> run)
    {
        var command = new Command(name, description.Split('\n')[0]);
        foreach (var symbol in takes)
        {
            if (symbol is Argument argument)
                command.Add(argument);
            else
                command.Add((Option)symbol);
        }

        command.SetAction((parsed, cancellation) => run(new Call(this, parsed, _around), cancellation));
        _documentation[command] = new Documentation(description.Replace("\n", "\n  ", StringComparison.Ordinal), examples);
        return command;
    }

    /// <summary>A noun with its verbs.</summary>
    public Command Group(string name, string description, string[] examples, params Command[] verbs)
    {
        var group = new Command(name, description);
        foreach (var verb in verbs)
            group.Add(verb);
        _documentation[group] = new Documentation(description, examples);
        return group;
    }

    private RootCommand Root()
    {
        var root = new RootCommand("The command line of Activate.Identity: sign in from a terminal, manage API keys, tokens, SSH keys and sessions, look after your organization's people, service accounts and policy, register applications and clusters, and let clusters look up keys.")
        {
            AuthCommands.Create(this),
            ApiKeyCommands.Create(this),
            TokenCommands.Create(this),
            SshKeyCommands.Create(this),
            SshCertificateCommands.CreateSsh(this),
            SshCertificateCommands.CreateCertificate(this),
            SshCertificateCommands.CreateConfig(this),
            SessionCommands.Create(this),
            PolicyCommands.Create(this),
            MemberCommands.Create(this),
            ServiceAccountCommands.Create(this),
            OrganizationCommands.Create(this),
            SigningKeyCommands.Create(this),
            ApplicationCommands.Create(this),
            ClusterCommands.Create(this),
            IdentityProviderCommands.Create(this),
            CredentialCommands.Create(this),
            ConsentCommands.Create(this),
            AuditCommands.Create(this),
            LeakCommands.Create(this),
            CertificateAuthorityCommands.Create(this),
            AuthorizedKeysCommand.Create(this),
            AuthorizedPrincipalsCommand.Create(this),
            ApiCommands.Create(this),
            ContextCommands.Create(this),
            CompletionCommands.Create(this),
            Output,
            Server,
            Context,
        };
        _documentation[root] = new Documentation(root.Description!,
        [
            "actid auth login --server https://id.example.org", "actid auth status", "KEY=$(actid api-key create nightly --days 30)", "actid api-key list -o json",
        ]);
        if (root.Options.OfType<HelpOption>().FirstOrDefault() is { Action: HelpAction standard } help)
        {
            help.Action = new HelpWithExamples(standard, _documentation);
            // "/h" looks like a path here, and would be offered by the shell's completion.
            foreach (var alias in help.Aliases.Where(alias => alias.StartsWith('/')).ToList())
                help.Aliases.Remove(alias);
        }

        return root;
    }

    private int WrongUsage(ParseResult parsed)
    {
        var errors = parsed.Errors.Select(error => error.Message.ReplaceLineEndings(" ").Replace('\t', ' ')).ToList();
        var first = errors.FirstOrDefault(error => parsed.UnmatchedTokens.Any(token => error.Contains($"'{token}'", StringComparison.Ordinal))) ?? errors[0];
        Complain(first, errors.Where(error => error != first && parsed.UnmatchedTokens.Count == 0).Distinct());
        var path = new List<string>();
        for (var command = parsed.CommandResult; command is not null; command = command.Parent as System.CommandLine.Parsing.CommandResult)
            path.Insert(0, command.Command is RootCommand ? "actid" : command.Command.Name);
        if (parsed.CommandResult.Command.Subcommands.Count > 0)
        {
            _around.Error.WriteLine();
            foreach (var verb in parsed.CommandResult.Command.Subcommands)
                _around.Error.WriteLine($"  {string.Join(' ', path)} {verb.Name,-12} {verb.Description?.Split('\n')[0]}");
            _around.Error.WriteLine();
        }

        _around.Error.WriteLine($"See '{string.Join(' ', path)} --help'.");
        return ExitCodes.WrongUsage;
    }

    private void Complain(string message, params IEnumerable<string> details)
    {
        _around.Error.WriteLine($"error: {SafeText.OneLine(message)}");
        foreach (var detail in details)
            _around.Error.WriteLine($"  {SafeText.Lines(detail)}");
    }

    private static Exception Innermost(Exception problem)
    {
        while (problem.InnerException is { } inner && problem is not SocketException)
            problem = inner;
        return problem;
    }

    /// <summary>The stored contexts, for shell completion, which stays silent when something is wrong.</summary>
    public IEnumerable<CompletionItem> ContextNames(CompletionContext _)
    {
        try
        {
            return [.. new ContextFolder(_around).Names().Select(name => new CompletionItem(name))];
        }
        catch (Exception problem) when (problem is Failure or IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    private sealed record Documentation(string Description, string[] Examples);

    private sealed class HelpWithExamples(HelpAction standard, Dictionary<Command, Documentation> documentation) : SynchronousCommandLineAction
    {
        public override int Invoke(ParseResult parseResult)
        {
            var known = documentation.TryGetValue(parseResult.CommandResult.Command, out var texts);
            if (known)
                parseResult.CommandResult.Command.Description = texts!.Description;
            var code = standard.Invoke(parseResult);
            if (known && texts!.Examples.Length > 0)
            {
                var output = parseResult.InvocationConfiguration.Output;
                output.WriteLine("Examples:");
                foreach (var line in texts.Examples)
                    output.WriteLine($"  {line}");
                output.WriteLine();
            }

            return code;
        }
    }
}
