using Activate.Identity.Server.Mail;
using Activate.Identity.Server.Web;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.FileProviders;
using Microsoft.Extensions.Hosting;

namespace Activate.Identity.Server.Tests.Mail;

public class MailSettingsTests
{
    private static MailSettings Read(string environment, params string[] settings)
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(settings.Append("Server:PublicOrigin=https://id.example.test").Select(setting => setting.Split('=', 2))
            .Select(pair => KeyValuePair.Create(pair[0], (string?)pair[1]))).Build();
        var host = new Host { EnvironmentName = environment };
        return MailSettings.Read(configuration, host, PublicOrigin.From(configuration, host));
    }

    [Fact]
    public void Without_a_host_mails_are_files_in_Development_and_off_elsewhere()
    {
        Assert.EndsWith("/data/mail", Read("Development").Folder, StringComparison.Ordinal);
        Assert.True(Read("Development").IsOn);
        Assert.False(Read("Production").IsOn);
    }

    [Theory]
    [InlineData("StartTls", 587)]
    [InlineData("tls", 465)]
    [InlineData("", 587)]
    public void The_port_goes_with_the_security(string security, int port)
    {
        var read = Read("Production", "Mail:Host=smtp.example.test", "Mail:From=ACTIVATE <id@example.test>", $"Mail:Security={security}");
        Assert.Equal((port, "id@example.test", "ACTIVATE", true), (read.Port, read.From.Address, read.From.Name, read.IsOn));
        Assert.Equal(2525, Read("Production", "Mail:Host=smtp.example.test", "Mail:From=id@example.test", "Mail:Port=2525").Port);
        Assert.Equal(25, Read("Production", "Mail:Host=localhost", "Mail:From=id@example.test", "Mail:Security=None").Port);
    }

    [Theory]
    [InlineData("Mail:From is not set", "Mail:Host=smtp.example.test")]
    [InlineData("It is one address", "Mail:Host=smtp.example.test", "Mail:From=nonsense")]
    [InlineData("It is one address", "Mail:Host=smtp.example.test", "Mail:From=a@example.test, b@example.test")]
    [InlineData("the port has a setting of its own", "Mail:Host=smtp.example.test:587", "Mail:From=a@example.test")]
    [InlineData("Mail:Port is '70000'", "Mail:Host=smtp.example.test", "Mail:From=a@example.test", "Mail:Port=70000")]
    [InlineData("Mail:Security is 'ssl'", "Mail:Host=smtp.example.test", "Mail:From=a@example.test", "Mail:Security=ssl")]
    [InlineData("would cross the network in the clear", "Mail:Host=smtp.example.test", "Mail:From=a@example.test", "Mail:Security=None")]
    [InlineData("set both, or neither", "Mail:Host=smtp.example.test", "Mail:From=a@example.test", "Mail:Password=p4ssw0rd-of-mail")]
    [InlineData("but not Mail:Host", "Mail:Password=p4ssw0rd-of-mail")]
    [InlineData("There is no setting Mail:Server", "Mail:Server=smtp.example.test")]
    public void What_means_nothing_stops_the_start_and_says_why(string why, params string[] settings)
    {
        var refusal = Assert.Throws<StartupException>(() => Read("Production", settings));
        Assert.Contains(why, refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("p4ssw0rd-of-mail", refusal.Message, StringComparison.Ordinal);
    }

    private sealed class Host : IHostEnvironment
    {
        public required string EnvironmentName { get; set; }
        public string ApplicationName { get; set; } = "test";
        public string ContentRootPath { get; set; } = "/srv";
        public IFileProvider ContentRootFileProvider { get; set; } = new NullFileProvider();
    }
}
