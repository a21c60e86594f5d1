using Activate.Identity.Server.Mail;
using AngleSharp.Html.Parser;

namespace Activate.Identity.Server.Tests.Mail;

public class LetterTests
{
    private static readonly Letter s_letter = new("New API key", "A new key.")
    {
        Facts = [new("Key", "<img src=https://evil.test/x.png onerror=alert(1)>"), new("From", "192.0.2.7")],
        Link = new LetterLink("See it", "https://id.example.test/account?a=1&b=\"2"),
        Advice = "Do & be.",
        Reason = "Because.",
    };

    [Fact]
    [Trait("Case", "W4")]
    public void What_people_wrote_is_text_in_the_html_and_nothing_is_loaded_from_elsewhere()
    {
        var page = new HtmlParser().ParseDocument(s_letter.ToHtml());
        Assert.Equal("<img src=https://evil.test/x.png onerror=alert(1)>", page.QuerySelector("td")!.TextContent);
        Assert.Equal("https://id.example.test/account?a=1&b=\"2", page.QuerySelector("a")!.GetAttribute("href"));
        Assert.Empty(page.QuerySelectorAll("img, link, script, iframe, style, form, [src], [background]"));
        Assert.Equal("light dark", page.QuerySelector("meta[name=color-scheme]")!.GetAttribute("content"));
        Assert.DoesNotContain("color:", s_letter.ToHtml(), StringComparison.Ordinal);
    }

    [Fact]
    public void The_text_says_all_that_the_html_says()
    {
        var text = s_letter.ToText();
        foreach (var part in (string[])["A new key.", "  From: 192.0.2.7\n", "See it:\nhttps://id.example.test/account?a=1&b=\"2\n", "Do & be.", "-- \nBecause."])
            Assert.Contains(part, text, StringComparison.Ordinal);
        Assert.Equal("2026-11-29 08:05 UTC", Letter.Time(new DateTime(2026, 11, 29, 8, 5, 59, DateTimeKind.Utc)));
    }
}
