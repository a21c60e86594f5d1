using Activate.Identity.Server.Web;

namespace Activate.Identity.Server.Tests.Web;

[Trait("Case", "F14")]
public sealed class OpenFilesTests
{
    [Theory]
    [InlineData("Max open files            1024                 524288               files", 1024L, 384L)]
    [InlineData("Max open files            768                  768                  files", 768L, 128L)]
    [InlineData("Max open files            unlimited            unlimited            files", null, null)]
    [InlineData("Max processes             63448                63448                processes", null, null)]
    public void The_limit_that_counts_leaves_room_for_what_is_no_connection(string line, long? limit, long? connections)
    {
        Assert.Equal(limit, OpenFiles.LimitIn(["Limit                     Soft Limit           Hard Limit           Units", "Max core file size        0                    0                    bytes", line]));
        Assert.Equal(connections, OpenFiles.MostConnectionsWith(limit));
    }
}
