using System.CommandLine;

namespace Activate.Identity.Cli.Completion;

/// <summary><c>actid completion bash | zsh | fish</c>: a script that asks actid itself what could come next.</summary>
internal static class CompletionCommands
{
    private const string Bash = """
        # actid completion for bash. In ~/.bashrc: source <(actid completion bash)
        _actid() {
            local cur="${COMP_LINE:0:$COMP_POINT}" word line
            word="${cur##* }"
            COMPREPLY=()
            while IFS= read -r line; do
                [[ "$line" == "$word"* ]] && COMPREPLY+=("$line")
            done < <(actid "[suggest:${#cur}]" "$cur" 2>/dev/null)
            # Bash splits words at colons: hand back what follows the last one that is already typed.
            if [[ "$word" == *:* ]]; then
                local typed="${word%"${word##*:}"}" i
                for i in "${!COMPREPLY[@]}"; do COMPREPLY[i]="${COMPREPLY[i]#"$typed"}"; done
            fi
        }
        complete -o default -F _actid actid
        """;

    private const string Zsh = """
        #compdef actid
        # actid completion for zsh. In ~/.zshrc, after compinit: source <(actid completion zsh)
        _actid() {
            local line="${BUFFER[1,$CURSOR]}"
            local -a found
            found=("${(@f)$(actid "[suggest:${#line}]" "$line" 2>/dev/null)}")
            (( ${#found[1]} )) && compadd -a found || _files
        }
        compdef _actid actid
        """;

    private const string Fish = """
        # actid completion for fish. actid completion fish > ~/.config/fish/completions/actid.fish
        function __actid_complete
            set -l line (commandline -cp)
            actid "[suggest:"(string length -- "$line")"]" "$line" 2>/dev/null
        end
        complete -c actid -f -a "(__actid_complete)"
        """;

    public static Command Create(Actid actid)
    {
        return actid.Group("completion", "Print a script that completes actid's commands in your shell", ["source <(actid completion bash)"],
            Of("bash", "source <(actid completion bash)", Bash),
            Of("zsh", "source <(actid completion zsh)", Zsh),
            Of("fish", "actid completion fish > ~/.config/fish/completions/actid.fish", Fish));

        Command Of(string shell, string example, string script) => actid.Command(shell, $"The script for {shell}", [example], [], (call, _) =>
        {
            call.Around.Out.WriteLine(script.ReplaceLineEndings("\n"));
            return Task.FromResult(ExitCodes.Done);
        });
    }
}
