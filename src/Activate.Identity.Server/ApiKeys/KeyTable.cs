using Activate.Identity.Data.ApiKeys;

namespace Activate.Identity.Server.ApiKeys;

/// <summary>A list of API keys (ApiKeys/KeyTable.cshtml).</summary>
/// <param name="Keys">Newest first.</param>
/// <param name="Now">UTC.</param>
/// <param name="Path">The page it is on, whose <c>?delete=ID</c> asks before one is deleted.</param>
public sealed record KeyTable(IReadOnlyList<ApiKey> Keys, DateTime Now, string Path)
{
    /// <summary>Nothing of it is deleted here.</summary>
    public bool IsFixed { get; init; }
}
