using System.Text;
using System.Text.Json;

namespace Activate.Identity.Cli.Contexts;

/// <summary>
/// The stored sign-ins.
/// <code>
///  ~/.config/actid/                 0700   $ACTID_CONFIG_DIR, else $XDG_CONFIG_HOME/actid
///    current                        0600   the name of the current context
///    contexts/id.example.org.json   0600   one file per context
/// </code>
/// One file per context, and no file that two processes both read, change and write: so nothing has to be locked, and nothing can be lost, whichever hosts share
/// the directory. A <c>current</c> that names a context which is gone simply means that nobody is signed in.
/// </summary>
internal sealed class ContextFolder
{
    private const string Suffix = ".json";
    private const int MaximumName = 200;

    private readonly PrivateFiles _settings;
    private readonly PrivateFiles _contexts;
    private readonly Surroundings _around;

    public ContextFolder(Surroundings around)
    {
        _around = around;
        var root = Root(around);
        _settings = new PrivateFiles(root, around);
        _contexts = new PrivateFiles(Path.Combine(root, "contexts"), around);
    }

    /// <summary>The name of the current context, whether or not it exists.</summary>
    public string? Current
    {
        get
        {
            if (_settings.Read("current") is not { } text)
                return null;
            var name = text.Trim();
            return IsName(name) ? name : throw Failure.Failed(
                $"{_settings.PathOf("current")} does not hold the name of a context. Choose one again: actid context use NAME");
        }
        set
        {
            MakeRoot();
            _settings.Write("current", value + "\n");
        }
    }

    public StoredContext? Read(string name)
    {
        RequireName(name);
        return _contexts.Read(FileOf(name)) is { } text ? Parse(name, text) : null;
    }

    /// <summary>Keeps a sign-in and returns what it replaced. A file that cannot be read is left alone, and said so.</summary>
    public StoredContext? Write(string name, StoredContext context)
    {
        var old = Read(name);
        MakeRoot();
        _contexts.Write(FileOf(name), JsonSerializer.Serialize(context, ContextJson.Default.StoredContext) + "\n");
        return old;
    }

    /// <summary>Forgets this credential; a newer one that was stored under the same name meanwhile stays.</summary>
    public void Forget(string name, string credential) => _contexts.Remove(FileOf(name), text => TryParse(text)?.Credential == credential);

    public IEnumerable<string> Names() => _contexts.Names().Where(file => file.EndsWith(Suffix, StringComparison.Ordinal))
        .Select(file => Uri.UnescapeDataString(file[..^Suffix.Length])).Where(IsName);

    public static void RequireName(string name)
    {
        if (!IsName(name))
            throw Failure.Usage($"'{name}' cannot be the name of a context: letters, digits and . _ - : [ ] @, at most {MaximumName} characters.");
    }

    private static bool IsName(string name) => name.Length is > 0 and <= MaximumName && name[0] is not '.' and not '-'
        && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-' or ':' or '[' or ']' or '@') && FileOf(name).Length <= 250;

    /// <summary>Percent-encodes what some file systems refuse (:) or confuse (upper and lower case).</summary>
    private static string FileOf(string name)
    {
        var file = new StringBuilder(name.Length + Suffix.Length);
        foreach (var c in name)
        {
            if (char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '.' or '_' or '-')
                file.Append(c);
            else
                file.Append('%').Append(((int)c).ToString("X2", System.Globalization.CultureInfo.InvariantCulture));
        }

        return file.Append(Suffix).ToString();
    }

    private StoredContext Parse(string name, string text)
    {
        var path = _contexts.PathOf(FileOf(name));
        return TryParse(text) switch
        {
            { Version: > StoredContext.CurrentVersion } => throw Failure.Failed($"{path} was written by a newer actid. Update this one."),
            { } context when Uri.TryCreate(context.Server, UriKind.Absolute, out _) => context,
            _ => throw Failure.Failed($"{path} is damaged, and was left as it is. Repair it, or move it away and sign in again."),
        };
    }

    private static StoredContext? TryParse(string text) => Output.JsonText.Read(Encoding.UTF8.GetBytes(text), ContextJson.Default.StoredContext);

    /// <summary>The folder above first, so that it is never open to others even for a moment.</summary>
    private void MakeRoot()
    {
        var root = Root(_around);
        if (!Directory.Exists(root))
            PrivateFiles.MakePrivateFolder(root);
    }

    internal static string Root(Surroundings around)
    {
        if (around.Setting("ACTID_CONFIG_DIR") is { } own)
            return Path.GetFullPath(own);
        // The XDG specification: a relative path is invalid and to be ignored.
        if (around.Setting("XDG_CONFIG_HOME") is { } config && Path.IsPathRooted(config))
            return Path.Combine(config, "actid");
        if (around.Setting("HOME") is { } home)
            return Path.Combine(home, ".config", "actid");
        var profile = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        return profile.Length > 0 ? Path.Combine(profile, ".config", "actid") : throw Failure.Usage("There is no home directory. Set ACTID_CONFIG_DIR.");
    }
}
