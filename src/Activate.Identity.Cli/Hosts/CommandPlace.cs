namespace Activate.Identity.Cli.Hosts;

/// <summary>
/// Whether sshd will run a program as AuthorizedKeysCommand: absolute, and, with all links resolved, it and every folder above it root's and writable by root alone (sshd's safe_path).
/// Whoever can put another file in its place decides who logs in.
/// </summary>
internal static class CommandPlace
{
    private const int WritableByOthers = 0b000_010_010;

    /// <returns>What is wrong, and what to do; null: nothing.</returns>
    public static string? Problem(string command)
    {
        if (!Path.IsPathRooted(command) || command.Any(c => c is <= ' ' or '"' or '\'' or '\\' or '%' or > '~'))
            return $"sshd wants an absolute path without blanks, quotes and percent signs for the command, and '{command}' is none.";
        var real = HostPrograms.Run("readlink", "-e", "--", command);
        if (!real.Succeeded)
            return $"There is no {command}. Put actid there: install -m 0755 -o root -g root actid {command}";
        var isFile = true;
        for (var path = real.Output.TrimEnd('\n'); path is not null; path = Path.GetDirectoryName(path), isFile = false)
        {
            if (HostPrograms.Run("stat", "-c", "%u %a %F", "--", path) is not { Succeeded: true, Output: var said } || said.Split(' ', 3) is not [var owner, var mode, var kind])
                return $"{path} cannot be looked at.";
            if (isFile && !kind.StartsWith("regular", StringComparison.Ordinal))
                return $"{path} is no file.";
            if (owner != "0")
                return $"sshd will not run {command}: {path} is not root's. chown root:root '{path}'";
            var bits = Convert.ToInt32(mode, 8);
            if ((bits & WritableByOthers) != 0)
                return $"sshd will not run {command}: others may write to {path} (mode {mode}). {(isFile ? $"chmod go-w '{path}'" : "Put actid into /usr/local/bin.")}";
            if (isFile && (bits & 0b001_001_001) != 0b001_001_001)
                return $"{path} may not be run by everybody. chmod 0755 '{path}'";
        }

        return null;
    }
}
