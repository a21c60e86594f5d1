using System.Text;

// HostOptions.Of lets nobody here on Windows.
#pragma warning disable CA1416

namespace Activate.Identity.Cli.Hosts;

/// <summary>
/// Files of the host that are changed, each of them as a whole and in one step, and all of them taken back when something after it fails.
/// </summary>
/// <param name="root">Empty; or a folder that stands for the host's root.</param>
internal sealed class HostFiles(string root)
{
    private const string Before = ".actid-before";

    private readonly Stack<Action> _undo = [];
    private readonly List<string> _kept = [];

    public string At(string path) => root + path;

    public string? Read(string path) => File.Exists(At(path)) ? File.ReadAllText(At(path)) : null;

    /// <summary>Something that is to be done when the rest fails.</summary>
    public void OnUndo(Action undo) => _undo.Push(undo);

    public void MakeFolder(string path, UnixFileMode mode)
    {
        var at = At(path);
        if (Directory.Exists(at))
            return;
        Directory.CreateDirectory(at, mode);
        File.SetUnixFileMode(at, mode);
        OnUndo(() => Directory.Delete(at, recursive: true));
    }

    /// <summary>Written beside and renamed: nobody reads half of it. Root's, with this mode from its first byte.</summary>
    public void Write(string path, string text, UnixFileMode mode)
    {
        var at = At(path);
        var existed = Keep(at);
        Put(at, Encoding.UTF8.GetBytes(text), mode);
        if (!existed)
            OnUndo(() => File.Delete(at));
    }

    public void Delete(string path)
    {
        if (Keep(At(path)))
            File.Delete(At(path));
    }

    /// <summary>Everything as it was, the last change first.</summary>
    public void Undo()
    {
        while (_undo.TryPop(out var undo))
            undo();
        _kept.Clear();
    }

    /// <summary>It stays as it is now.</summary>
    public void Commit()
    {
        _undo.Clear();
        _kept.ForEach(File.Delete);
        _kept.Clear();
    }

    /// <summary>Lays what is there aside, with its owner, mode and label, until it is known whether it is needed again. False: nothing is there.</summary>
    private bool Keep(string at)
    {
        if (!File.Exists(at))
            return false;
        if (HostPrograms.Run("cp", "--preserve=all", "--", at, at + Before) is { Succeeded: false } ran)
            throw Failure.Failed(ran.Last);
        _kept.Add(at + Before);
        OnUndo(() => File.Move(at + Before, at, overwrite: true));
        return true;
    }

    private static void Put(string at, byte[] content, UnixFileMode mode)
    {
        var temporary = $"{at}.actid-new";
        File.Delete(temporary);
        using (var file = new FileStream(temporary, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = mode }))
        {
            // The umask may have taken something away.
            File.SetUnixFileMode(file.SafeFileHandle, mode);
            file.Write(content);
            file.Flush(flushToDisk: true);
        }

        File.Move(temporary, at, overwrite: true);
    }
}
