namespace Activate.Identity.Server.Web;

/// <summary>Setting <c>RateLimits:Enabled</c>: false for load measurements. Limits on guessing stay.</summary>
public sealed record RateLimits(bool Enabled);
