namespace Activate.Identity.Core.Expiration;

/// <summary>
/// How old the copy of all who may log in may be that a cluster uses while the server cannot be reached. For so long somebody who was put out, or a key that was deleted, may still get
/// in there: every minute is a choice between that and nobody getting in at all.
/// </summary>
/// <param name="OutageMinutes">0: no copy at all; null: as old as any may be.</param>
public sealed record ClusterLimits(int? OutageMinutes)
{
    /// <summary>A day: longer than an outage lasts, and than somebody who left may go on logging in.</summary>
    public const int MostOutageMinutes = 24 * 60;

    public static readonly ClusterLimits Fresh = new(10);

    public TimeSpan MaximumAge => TimeSpan.FromMinutes(OutageMinutes ?? MostOutageMinutes);

    public static ClusterLimits Strictest(ClusterLimits organization, ClusterLimits server) =>
        new(organization.OutageMinutes is { } own && server.OutageMinutes is { } ceiling ? Math.Min(own, ceiling) : organization.OutageMinutes ?? server.OutageMinutes);
}
