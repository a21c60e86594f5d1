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
    private readonly Stack<Action> _undo = [];

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
        var before = File.Exists(at) ? File.ReadAllBytes(at) : null;
        var modeBefore = before is null ? mode : File.GetUnixFileMode(at);
        Put(at, Encoding.UTF8.GetBytes(text), mode);
        OnUndo(() =>
        {
            if (before is null)
                File.Delete(at);
            else
                Put(at, before, modeBefore);
        });
    }

    public void Delete(string path)
    {
        var at = At(path);
        if (!File.Exists(at))
            return;
        var (before, mode) = (File.ReadAllBytes(at), File.GetUnixFileMode(at));
        File.Delete(at);
        OnUndo(() => Put(at, before, mode));
    }

    /// <summary>Everything as it was, the last change first.</summary>
    public void Undo()
    {
        while (_undo.TryPop(out var undo))
            undo();
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
