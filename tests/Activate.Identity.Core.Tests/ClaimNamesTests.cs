namespace Activate.Identity.Core.Tests;

/// <summary>Tokens outlive releases: a name that changes here breaks whoever reads them.</summary>
public sealed class ClaimNamesTests
{
    [Fact]
    public void The_claims_have_the_names_of_the_contract()
    {
        Assert.Equal("platform_host", ClaimNames.PlatformHost);
        Assert.Equal("organization", ClaimNames.Organization);
        Assert.Equal("sid", ClaimNames.SessionId);
    }
}
