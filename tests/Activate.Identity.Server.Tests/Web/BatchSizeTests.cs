using Activate.Identity.Server.Web;

namespace Activate.Identity.Server.Tests.Web;

public class BatchSizeTests
{
    [Fact]
    public void A_batch_grows_while_it_is_quick_and_shrinks_when_others_would_wait_for_it()
    {
        var size = new BatchSize();
        Assert.Equal(50, size.Rows);
        for (var i = 0; i < 10; i++)
            size.Took(TimeSpan.FromMilliseconds(1));
        Assert.Equal(BatchSize.Most, size.Rows);
        size.Took(TimeSpan.FromMilliseconds(15));
        Assert.Equal(BatchSize.Most, size.Rows);
        size.Took(TimeSpan.FromMilliseconds(21));
        Assert.Equal(250, size.Rows);
        for (var i = 0; i < 10; i++)
            size.Took(TimeSpan.FromSeconds(1));
        Assert.Equal(50, size.Rows);
    }
}
