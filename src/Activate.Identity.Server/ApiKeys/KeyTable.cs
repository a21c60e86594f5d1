using Activate.Identity.Data.ApiKeys;

namespace Activate.Identity.Server.ApiKeys;

/// <summary>A list of API keys (ApiKeys/KeyTable.cshtml).</summary>
/// <param name="Keys">Newest first.</param>
/// <param name="Now">UTC.</param>
/// <param name="Path">The page it is on, whose <c>?delete=ID</c> asks before one is deleted.</param>
public sealed record KeyTable(IReadOnlyList<ApiKey> Keys, DateTime Now, string Path)
{
    /// <summary>Nothing of it is changed or deleted here.</summary>
    public bool IsFixed { get; init; }

    /// <summary>Whose keys these are; null: the person's own.</summary>
    public Guid? ServiceAccount { get; init; }

    public string PathOf(ApiKey key) => ApiKeyPage.PathTo(key.Id, ServiceAccount);
}
