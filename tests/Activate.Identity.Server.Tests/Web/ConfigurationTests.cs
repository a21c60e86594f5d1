using Activate.Identity.Testing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace Activate.Identity.Server.Tests.Web;

public class ConfigurationTests
{
    [Fact]
    public async Task No_file_is_watched_for_changes()
    {
        await using var server = await TestServer.StartAsync();
        var files = ((IConfigurationRoot)server.Services().GetRequiredService<IConfiguration>()).Providers.OfType<FileConfigurationProvider>().ToList();
        Assert.NotEmpty(files);
        Assert.All(files, file => Assert.False(file.Source.ReloadOnChange, file.Source.Path));
    }
}
