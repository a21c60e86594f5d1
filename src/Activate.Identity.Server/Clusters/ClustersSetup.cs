namespace Activate.Identity.Server.Clusters;

/// <summary>Clusters, whose sshd asks for the keys of the organization's users.</summary>
public static class ClustersSetup
{
    public static void AddClusters(this WebApplicationBuilder builder) => builder.Services.AddScoped<ClusterRegistry>();

    public static void MapClusters(this WebApplication app) => app.MapClustersApi();
}
