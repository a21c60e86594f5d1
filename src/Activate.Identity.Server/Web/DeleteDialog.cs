namespace Activate.Identity.Server.Web;

/// <summary>What a page asks before something is deleted (Web/DeleteDialog.cshtml).</summary>
/// <param name="Id">Of what is to go.</param>
/// <param name="Kind">What it is, in words: "API key".</param>
/// <param name="Name">The name its owner gave it.</param>
/// <param name="Consequence">Who notices, and when.</param>
/// <param name="LastUsed">The last sign of somebody who will notice; null where there is no such thing.</param>
/// <param name="LastUsedFrom">An address; null: not known.</param>
/// <param name="Path">The list it is on, which also deletes.</param>
/// <param name="Handler">The page's handler that does it.</param>
/// <param name="Button">What is clicked to confirm.</param>
public sealed record DeleteDialog(Guid Id, string Kind, string Name, string Consequence, Moment? LastUsed, string? LastUsedFrom, string Path, string Handler, string Button)
{
    /// <summary>What is done to it.</summary>
    public string Verb { get; init; } = "Delete";
}

/// <summary>What was just deleted, as the list says it (Web/Deleted.cshtml).</summary>
/// <param name="Kind">"API key".</param>
/// <param name="Name">The name it had.</param>
/// <param name="Consequence">What that means from now on.</param>
public sealed record Deleted(string Kind, string Name, string Consequence)
{
    /// <summary>What was done to it.</summary>
    public string Verb { get; init; } = "deleted";
}
