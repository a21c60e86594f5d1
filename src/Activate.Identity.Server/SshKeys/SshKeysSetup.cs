using System.ComponentModel.DataAnnotations;

namespace Activate.Identity.Server.SshKeys;

/// <summary>SSH public keys, and the lookup with which clusters let their owners in.</summary>
public static class SshKeysSetup
{
    public static void AddSshKeys(this WebApplicationBuilder builder)
    {
        builder.Services.AddOptions<SshKeysOptions>().BindConfiguration(SshKeysOptions.Section).ValidateDataAnnotations().ValidateOnStart();
        builder.Services.AddScoped<SshKeyRegistry>();
        builder.Services.AddSingleton<AuthorizedKeysReader>();
        builder.Services.AddSingleton<ClusterBundles>();
    }

    public static void MapSshKeys(this WebApplication app)
    {
        app.MapSshKeysApi();
        app.MapAuthorizedKeysApi();
        app.MapClusterBundleApi();
    }
}

public sealed class SshKeysOptions
{
    public const string Section = "SshKeys";

    /// <summary>The most SSH keys one user may have. Each login without a fingerprint reads all of them: more of the longest than this, and actid refuses the answer (256 KB).</summary>
    [Range(1, 100)]
    public int MaximumPerUser { get; set; } = 100;
}
