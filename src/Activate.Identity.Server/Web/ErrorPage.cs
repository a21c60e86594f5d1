using Activate.Identity.Core.Errors;

namespace Activate.Identity.Server.Web;

/// <summary>What a browser sees when something cannot be shown: plain, without a script, a session or a database read.</summary>
public static class ErrorPage
{
    public static Task WriteAsync(HttpContext context, Problem problem) => WriteAsync(context, problem.StatusCode(), Title(problem), problem.Detail);

    public static async Task WriteAsync(HttpContext context, int status, string title, string detail)
    {
        context.Response.StatusCode = status;
        context.Response.Headers.CacheControl = "no-store";
        context.Response.ContentType = "text/html; charset=utf-8";
        var encode = System.Text.Encodings.Web.HtmlEncoder.Default;
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
            <header class="top"><a class="product" href="/">ACTIVATE</a></header>
            <main><div class="card narrow"><h1>{encode.Encode(title)}</h1><p>{encode.Encode(detail)}</p><p><a href="/">Go to the start page</a></p></div></main>
            </body>
            </html>
            """, context.RequestAborted);
    }

    private static string Title(Problem problem) => problem.Kind switch
    {
        ProblemKind.Fault => "Something went wrong",
        ProblemKind.Unavailable => "Back in a moment",
        ProblemKind.TooMany => "Too many tries",
        ProblemKind.NotFound => "Page not found",
        ProblemKind.Refused => "Not allowed",
        _ => "That did not work",
    };
}
