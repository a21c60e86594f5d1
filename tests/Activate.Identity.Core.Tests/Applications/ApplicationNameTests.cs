using Activate.Identity.Core.Applications;

namespace Activate.Identity.Core.Tests.Applications;

public class ApplicationNameTests
{
    [Theory, Trait("Case", "W24")]
    [InlineData("ACTIVATE")]
    [InlineData("activate")]
    [InlineData("A C T I V A T E")]
    [InlineData("A.C.T.I.V.A.T.E")]
    [InlineData("Activate!")]
    [InlineData("ACTlVATE")]
    [InlineData("ACT1VATE")]
    [InlineData("АСТIVATE")]
    [InlineData("Αctivate")]
    [InlineData("\uFF21\uFF23\uFF34\uFF29\uFF36\uFF21\uFF34\uFF25")]
    [InlineData("Áctívàte")]
    [InlineData("ⒶⒸⓉⒾⓋⒶⓉⒺ")]
    [InlineData("actid")]
    [InlineData("ACT-ID")]
    [InlineData("activate-cli")]
    [InlineData("Activate.Identity")]
    [InlineData("ACTIVATE command line")]
    [InlineData("ACTIVATE Login")]
    [InlineData("Sign in to ACTIVATE")]
    [InlineData("Parallel Works")]
    [InlineData("parallelworks")]
    [InlineData("Pаrаllel Wоrks")]
    [InlineData("Parallel Works Support")]
    [InlineData("The ParallelWorks portal")]
    public void A_name_that_reads_like_ours_is_for_operators(string name)
    {
        Assert.Equal(("name_reserved", "name"), (ApplicationName.Parse(name, mayBeOurs: false).Problem?.Code, ApplicationName.Parse(name, mayBeOurs: false).Problem?.Field));
        Assert.True(ApplicationName.Parse(name, mayBeOurs: true).TryGet(out _, out var problem), problem?.Detail);
        Assert.Equal("publisher", ApplicationName.ParsePublisher(name, mayBeOurs: false).Problem?.Field);
    }

    [Theory]
    [InlineData("Portal")]
    [InlineData("Activated sludge")]
    [InlineData("Reactivate batteries")]
    [InlineData("Parallel workshop planner")]
    [InlineData("Активация")]
    [InlineData("<svg onload=alert(1)>")]
    [InlineData("水文")]
    public void Other_names_are_free(string name)
    {
        Assert.True(ApplicationName.Parse(name, mayBeOurs: false).TryGet(out var parsed, out var problem), problem?.Detail);
        Assert.Equal(name, parsed);
    }

    [Theory]
    [InlineData(null, "name_required")]
    [InlineData("  ", "name_required")]
    [InlineData("a\u202Eb", "name_invalid")]
    [InlineData("a\0b", "name_invalid")]
    public void What_cannot_be_read_is_no_name(string? name, string code) => Assert.Equal(code, ApplicationName.Parse(name, mayBeOurs: true).Problem?.Code);

    [Fact]
    public void A_publisher_is_optional_and_short()
    {
        Assert.True(ApplicationName.ParsePublisher(null, mayBeOurs: false).TryGet(out var none, out _));
        Assert.Equal("", none);
        Assert.True(ApplicationName.ParsePublisher("  Example GmbH ", mayBeOurs: false).TryGet(out var publisher, out _));
        Assert.Equal("Example GmbH", publisher);
        Assert.Equal("publisher_invalid", ApplicationName.ParsePublisher(new string('x', 129), mayBeOurs: false).Problem?.Code);
        Assert.Equal("publisher_invalid", ApplicationName.ParsePublisher("a\u200Bb", mayBeOurs: false).Problem?.Code);
    }
}
