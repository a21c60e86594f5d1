using System.Net;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Server.Tests.Connect;
using Activate.Identity.Testing;

namespace Activate.Identity.Server.Tests.SshCertificates;

/// <summary>The authorities in the browser, without JavaScript.</summary>
public sealed class CertificateAuthorityPageTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private const string Path = "/organization/ssh-certificates";

    [Fact]
    public async Task An_administrator_makes_a_new_one_and_a_member_only_looks()
    {
        var organization = await shared.Server.CreateOrganizationAsync(shared.NewName("org"));
        var (_, browser) = await shared.NewUserAsync(Role.Admin, organization.Id);
        var (_, theirs) = await shared.NewUserAsync(Role.Member, organization.Id);
        await browser.GoAsync("/organization/clusters");
        Assert.NotNull(browser.Page.QuerySelector($"a[href='{Path}']"));
        await browser.GoAsync(Path);
        Assert.Single(browser.Page.QuerySelectorAll("tbody tr"));
        await browser.SubmitAsync("Make New Authority");
        Assert.Contains("The new authority was made", browser.PageText, StringComparison.Ordinal);
        Assert.Equal(["upcoming", "signs"], browser.Page.QuerySelectorAll("td[data-label=State] .state").Select(cell => cell.TextContent.Trim()));

        await theirs.GoAsync(Path);
        Assert.Equal(2, theirs.Page.QuerySelectorAll("tbody tr").Length);
        Assert.Null(theirs.Page.QuerySelector("main form button"));
        await theirs.GoAsync($"{Path}?made={Guid.CreateVersion7()}");
        Assert.DoesNotContain("The new authority was made", theirs.PageText, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, theirs.Response.StatusCode);
    }
}
