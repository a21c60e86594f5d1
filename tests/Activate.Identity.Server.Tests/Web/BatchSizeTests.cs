using Activate.Identity.Server.Web;

namespace Activate.Identity.Server.Tests.Web;

public class BatchSizeTests
{
    [Theory]
    [InlineData(false, 50, 20)]
    [InlineData(true, 20, 8)]
    public void A_batch_grows_while_it_is_quick_and_shrinks_when_others_would_wait_for_it(bool oneWriter, int least, int moment)
    {
        var size = new BatchSize(oneWriter);
        Assert.Equal(least, size.Rows);
        for (var i = 0; i < 10; i++)
            size.Took(TimeSpan.FromMilliseconds(1));
        Assert.Equal(BatchSize.Most, size.Rows);
        size.Took(TimeSpan.FromMilliseconds(moment - 1));
        Assert.Equal(BatchSize.Most, size.Rows);
        size.Took(TimeSpan.FromMilliseconds(moment + 1));
        Assert.Equal(250, size.Rows);
        for (var i = 0; i < 10; i++)
            size.Took(TimeSpan.FromSeconds(1));
        Assert.Equal(least, size.Rows);
    }
}
