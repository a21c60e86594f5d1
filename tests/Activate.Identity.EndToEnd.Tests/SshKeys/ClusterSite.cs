using System.Net.Http;
using System.Runtime.Versioning;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Testing;

namespace Activate.Identity.EndToEnd.Tests.SshKeys;

/// <summary>A server, an owner who signed in, and the host of their cluster: a real sshd, with a Unix account of the owner's name that is removed again.</summary>
[UnsupportedOSPlatform("windows")]
internal sealed class ClusterSite : IAsyncDisposable
{
    private const string Clusters = "/api/v1/organization/clusters";

    private bool _stopped;

    private ClusterSite(TestServer server, string account) => (Server, Account) = (server, account);

    public TestServer Server { get; }
    /// <summary>The owner's username, and their account on the host.</summary>
    public string Account { get; }
    public Guid UserId { get; private set; }
    public string Session { get; private set; } = "";
    /// <summary>As it was answered when it was registered: with its key.</summary>
    public Answer Cluster { get; private set; } = null!;
    public Sshd Sshd { get; private set; } = null!;

    public string ClusterPath => $"{Clusters}/{Cluster.Text("id")}";

    public static async Task<ClusterSite> StartAsync(string cluster = "democluster")
    {
        var site = new ClusterSite(await TestServer.StartAsync(new TestServerOptions()), NewAccount());
        site.UserId = (await site.Server.AddUserAsync(Role.Owner, site.Account)).Id;
        site.Session = await site.Server.GrantAsync(site.UserId);
        site.Cluster = await site.ApiAsync(HttpMethod.Post, Clusters, new { name = cluster, address = "127.0.0.1" });
        site.Sshd = await Sshd.PrepareAsync(site.Account, site.Cluster.Text("key"));
        return site;
    }

    /// <summary>A name that no account of this machine has.</summary>
    public static string NewAccount() => $"e2e{Guid.NewGuid():N}"[..16];

    /// <summary>As the owner, unless somebody else's session is given.</summary>
    public Task<Answer> ApiAsync(HttpMethod method, string path, object? body = null, string? session = null) => Server.ApiAsync(method, path, session ?? Session, body);

    /// <summary>Adds an OpenSSH public key: its id.</summary>
    public async Task<Guid> AddKeyAsync(string publicKey, string? session = null)
    {
        var added = await ApiAsync(HttpMethod.Post, "/api/v1/ssh-keys", new { name = $"key {Guid.NewGuid():N}", publicKey }, session);
        Assert.True(added.Status == 201, added.ToString());
        return Guid.Parse(added.Text("id"));
    }

    /// <summary>Adds the public half of a key file.</summary>
    public async Task<Guid> AddKeyFileAsync(string privateKey, string? session = null) => await AddKeyAsync((await File.ReadAllTextAsync($"{privateKey}.pub")).Trim(), session);

    /// <summary>From now on there is no server.</summary>
    public async Task StopServerAsync()
    {
        if (!_stopped)
            await Server.DisposeAsync();
        _stopped = true;
    }

    public async ValueTask DisposeAsync()
    {
        if (Sshd is not null)
            await Sshd.DisposeAsync();
        await StopServerAsync();
    }
}
