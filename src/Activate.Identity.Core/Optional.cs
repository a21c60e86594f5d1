namespace Activate.Identity.Core;

/// <summary>A request member that may be absent, which is not the same as null: an absent lifetime means the default, null means no expiration.</summary>
public readonly record struct Optional<T>(T Value)
{
    public bool IsPresent { get; } = true;
}
