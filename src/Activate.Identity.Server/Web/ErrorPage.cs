using System.Text.Encodings.Web;
using Activate.Identity.Core.Errors;
using Activate.Identity.Server.Accounts;

namespace Activate.Identity.Server.Web;

/// <summary>
/// What a browser sees when something cannot be shown: what happened, what to do, and where else to go. Without a script, a session or a database read, so that it is there whatever
/// else is not.
/// </summary>
public static class ErrorPage
{
    private const string Fault = "Something went wrong on our side, and was logged. Try again. If it happens once more, send this trace id to whoever runs this server:";

    /// <summary>Where people mostly were on their way to.</summary>
    private static readonly (string Path, string Words)[] s_places =
        [("/account/authentication/api-keys", "API Keys"), ("/account/authentication/ssh-keys", "SSH Keys"), ("/account/security", "Security"), ("/device", "Connect a device"), ("/docs", "API documentation")];

    public static Task WriteAsync(HttpContext context, Problem problem, string start = LocalAddress.Start) =>
        WriteAsync(context, problem.StatusCode(), Title(problem), problem.Kind == ProblemKind.Fault ? Fault : problem.Detail, start);

    /// <param name="context">The request.</param>
    /// <param name="status">Of the answer.</param>
    /// <param name="title">What happened.</param>
    /// <param name="detail">Why, and what to do.</param>
    /// <param name="start">Where the start page is: elsewhere, when the request was for another host.</param>
    public static async Task WriteAsync(HttpContext context, int status, string title, string detail, string start = LocalAddress.Start)
    {
        context.Response.StatusCode = status;
        context.Response.Headers.CacheControl = "no-store";
        context.Response.ContentType = "text/html; charset=utf-8";
        var encode = HtmlEncoder.Default;
        var trace = status >= 500 ? $"<p class=\"trace\">Trace id: {encode.Encode(context.TraceIdentifier)}</p>" : "";
        var places = status == StatusCodes.Status404NotFound
            ? $"<h2>Looking for one of these?</h2><ul class=\"plain\">{string.Concat(s_places.Select(place => $"<li><a href=\"{place.Path}\">{place.Words}</a></li>"))}</ul>"
            : "";
        await context.Response.WriteAsync(
            $"""
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
            <title>{encode.Encode(title)} · ACTIVATE</title>
            <link rel="icon" href="{Assets.IconPath}" type="image/svg+xml"><link rel="stylesheet" href="{Assets.StylesheetPath}">
            </head>
            <body>
            <header class="top"><a class="product" href="{encode.Encode(start)}">ACTIVATE</a></header>
            <main><div class="card narrow"><h1>{encode.Encode(title)}</h1><p>{encode.Encode(detail)}</p>{trace}{places}
            <div class="buttons">{Again(context.Request, status)}<a class="button" href="{encode.Encode(start)}">Start page</a></div></div></main>
            </body>
            </html>
            """, context.RequestAborted);
    }

    /// <summary>The same page once more, where that may help. What a form sent is never sent again.</summary>
    private static string Again(HttpRequest request, int status)
    {
        var isForm = HttpMethods.IsPost(request.Method);
        var mayHelp = status is StatusCodes.Status409Conflict or StatusCodes.Status429TooManyRequests or >= 500 || (isForm && status == StatusCodes.Status400BadRequest);
        var address = LocalAddress.From(isForm ? request.Path.Value : $"{request.Path}{request.QueryString}");
        return mayHelp && (address != LocalAddress.Start || !isForm)
            ? $"<a class=\"button primary\" href=\"{HtmlEncoder.Default.Encode(address)}\">Try again</a>"
            : "";
    }

    private static string Title(Problem problem) => problem.Kind switch
    {
        ProblemKind.Fault => "Something went wrong",
        ProblemKind.Unavailable => "Back in a moment",
        ProblemKind.TooMany => "Too many tries",
        ProblemKind.NotFound => "Page not found",
        ProblemKind.Refused => "Not allowed",
        ProblemKind.Conflict => "Somebody else was faster",
        ProblemKind.TooLarge => "That was too much",
        _ => "That did not work",
    };
}
