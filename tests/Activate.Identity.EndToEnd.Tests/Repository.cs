using Activate.Identity.Testing;

namespace Activate.Identity.EndToEnd.Tests;

/// <summary>The working copy that the tests were built from: what documents promise is tried as it stands there.</summary>
internal static class Repository
{
    public static string Root => Tools.Root;

    /// <summary>The code block of a document that follows the given text, as a reader would copy it.</summary>
    public static string CodeBlock(string document, string after)
    {
        var text = File.ReadAllText(Path.Combine(Root, "docs", document)).ReplaceLineEndings("\n");
        var start = text.IndexOf(after, StringComparison.Ordinal);
        Assert.True(start >= 0, $"'{after}' does not stand in {document}.");
        var fence = text.IndexOf("\n```", start - 1, StringComparison.Ordinal);
        var first = text.IndexOf('\n', fence + 1) + 1;
        return text[first..text.IndexOf("\n```", first, StringComparison.Ordinal)] + "\n";
    }
}
