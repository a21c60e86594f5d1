using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using Activate.Identity.Server.Web;

namespace Activate.Identity.Server.Mail;

/// <summary>A line of facts in a letter: <c>Key: nightly</c>.</summary>
public sealed record Fact(string Name, string Value);

/// <summary>Where a letter leads. A link with a code works for whoever has it.</summary>
public sealed record LetterLink(string Label, string Url)
{
    /// <summary>May hold a code: not to be printed.</summary>
    public override string ToString() => Label;
}

/// <summary>What one mail says. Subjects are ours alone: what people call their things stands in the facts.</summary>
/// <param name="Subject">Without anybody's words in it.</param>
/// <param name="Greeting">The first paragraph: what happened.</param>
public sealed record Letter(string Subject, string Greeting)
{
    public IReadOnlyList<Fact> Facts { get; init; } = [];
    public LetterLink? Link { get; init; }
    /// <summary>The last paragraph: what to do.</summary>
    public string? Advice { get; init; }
    /// <summary>In small: why this person gets it.</summary>
    public string? Reason { get; init; }

    /// <summary>May hold a code: not to be printed.</summary>
    public override string ToString() => Subject;

    /// <summary>A time as letters say it; whoever reads them may be anywhere.</summary>
    public static string Time(DateTime at) => new Moment(at, at).Utc;

    public string ToText()
    {
        var text = new StringBuilder(Greeting).Append("\n\n");
        foreach (var fact in Facts)
            text.Append(CultureInfo.InvariantCulture, $"  {fact.Name}: {fact.Value}\n");
        if (Facts.Count > 0)
            text.Append('\n');
        if (Link is not null)
            text.Append(CultureInfo.InvariantCulture, $"{Link.Label}:\n{Link.Url}\n\n");
        if (Advice is not null)
            text.Append(Advice).Append("\n\n");
        return text.Append("-- \n").Append(Reason).Append('\n').ToString();
    }

    /// <summary>No images, nothing from elsewhere, no colors: it looks right in the light and in the dark. Every value is encoded.</summary>
    public string ToHtml()
    {
        var html = new StringBuilder();
        html.Append(CultureInfo.InvariantCulture,
            $"""
            <!DOCTYPE html>
            <html lang="en">
            <head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark"><title>{Encode(Subject)}</title></head>
            <body style="font-family: system-ui, sans-serif; font-size: 16px; line-height: 1.5; max-width: 36em; margin: 0 auto; padding: 1em">
            <h1 style="font-size: 20px">{Encode(Subject)}</h1>
            <p>{Encode(Greeting)}</p>

            """);
        if (Facts.Count > 0)
        {
            html.Append("<table>\n");
            foreach (var fact in Facts)
                html.Append(CultureInfo.InvariantCulture, $"<tr><th scope=\"row\" style=\"text-align: left; vertical-align: top; padding-right: 1em\">{Encode(fact.Name)}</th><td>{Encode(fact.Value)}</td></tr>\n");
            html.Append("</table>\n");
        }

        if (Link is not null)
            html.Append(CultureInfo.InvariantCulture, $"<p>{Encode(Link.Label)}:<br><a href=\"{Encode(Link.Url)}\" style=\"word-break: break-all\">{Encode(Link.Url)}</a></p>\n");
        if (Advice is not null)
            html.Append(CultureInfo.InvariantCulture, $"<p>{Encode(Advice)}</p>\n");
        return html.Append(CultureInfo.InvariantCulture, $"<p><small>{Encode(Reason ?? "")}</small></p>\n</body>\n</html>\n").ToString();
    }

    private static string Encode(string text) => HtmlEncoder.Default.Encode(text);
}
