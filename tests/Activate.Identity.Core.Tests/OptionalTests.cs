namespace Activate.Identity.Core.Tests;

public sealed class OptionalTests
{
    [Fact]
    public void What_was_never_set_is_absent() => Assert.False(default(Optional<int?>).IsPresent);

    [Fact]
    public void A_record_member_that_was_left_out_is_absent() => Assert.False(new Request().Days.IsPresent);

    [Fact]
    public void Null_is_present()
    {
        var value = new Optional<int?>(null);
        Assert.True(value.IsPresent);
        Assert.Null(value.Value);
    }

    [Fact]
    public void A_value_is_present() => Assert.Equal((true, 7), (new Optional<int?>(7).IsPresent, new Optional<int?>(7).Value));

    [Fact]
    public void Absent_and_null_are_not_equal() => Assert.NotEqual(default, new Optional<int?>(null));

    private sealed record Request(Optional<int?> Days = default);
}
