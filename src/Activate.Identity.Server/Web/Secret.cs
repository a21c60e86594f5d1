namespace Activate.Identity.Server.Web;

/// <summary>A new key or token as the page after its form shows it (Web/Secret.cshtml), once.</summary>
/// <param name="Title">What it is.</param>
/// <param name="Name">The name its owner gave it.</param>
/// <param name="Value">The secret itself.</param>
/// <param name="Expires">When it ends.</param>
/// <param name="Scopes">What it may.</param>
/// <param name="Command">How the command line takes it.</param>
public sealed record Secret(string Title, string Name, string Value, Moment Expires, IReadOnlyList<string> Scopes, string Command)
{
    /// <summary>The list it is on.</summary>
    public string Back { get; init; } = "/account/authentication/api-keys";

    /// <summary>From where it may be used; null: from everywhere.</summary>
    public string? AllowedAddresses { get; init; }

    public override string ToString() => Title;
}
