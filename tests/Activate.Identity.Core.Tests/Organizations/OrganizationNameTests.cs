using Activate.Identity.Core.Accounts;
using Activate.Identity.Core.Organizations;

namespace Activate.Identity.Core.Tests.Organizations;

public class OrganizationNameTests
{
    [Theory]
    [InlineData("a")]
    [InlineData("hydrology-lab")]
    [InlineData("4d-lab-2")]
    public void A_slug_is_taken_as_it_is(string slug) => Assert.True(OrganizationName.ParseSlug(slug).TryGet(out var parsed, out _) && parsed == slug);

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("-a")]
    [InlineData("a-")]
    [InlineData("a--b")]
    [InlineData("A")]
    [InlineData("a b")]
    [InlineData("a_b")]
    [InlineData("zürich")]
    [InlineData("a\n")]
    public void What_is_no_slug_is_refused_not_made_to_fit(string? slug) => Assert.Equal("slug_invalid", OrganizationName.ParseSlug(slug).Problem?.Code);

    [Fact]
    public void A_slug_made_of_a_name_is_one()
    {
        foreach (var name in (string[])["Hydrology Lab Zürich", "  --x--  ", "東京", new string('a', 100), "a b", "A/B  (C)"])
            Assert.Null(OrganizationName.ParseSlug(OrganizationName.ToSlug(name)).Problem);
        Assert.NotNull(OrganizationName.ParseSlug(new string('a', 65)).Problem);
    }

    [Theory]
    [InlineData(null, "")]
    [InlineData("   ", "")]
    [InlineData(" Grace Hopper ", "Grace Hopper")]
    [InlineData("Zu\u0308rich", "Z\u00fcrich")]
    public void A_name_for_people_may_be_absent(string? name, string parsed) => Assert.True(DisplayName.Parse(name).TryGet(out var text, out _) && text == parsed);

    [Theory]
    [InlineData("a\nb")]
    [InlineData("a\u202Eb")]
    [InlineData("a\0")]
    public void A_name_for_people_holds_nothing_that_is_not_seen(string name) => Assert.Equal(("display_name_invalid", "displayName"), (DisplayName.Parse(name).Problem?.Code, DisplayName.Parse(name).Problem?.Field));

    [Fact]
    public void A_name_for_people_has_at_most_100_characters()
    {
        Assert.Null(DisplayName.Parse(new string('x', 100)).Problem);
        Assert.NotNull(DisplayName.Parse(new string('x', 101)).Problem);
    }
}
