using Activate.Identity.Core.Errors;

namespace Activate.Identity.Server.Web;

/// <summary>Gives a body to the bare 404, 405, 400 and 415 that routing and antiforgery leave: JSON under /api, a page elsewhere.</summary>
internal sealed class EmptyAnswers(RequestDelegate next)
{
    public async Task InvokeAsync(HttpContext context)
    {
        await next(context);
        var response = context.Response;
        if (response.HasStarted || response.StatusCode < 400 || response.ContentLength > 0 || !string.IsNullOrEmpty(response.ContentType))
            return;
        if (context.Request.Path.StartsWithSegments("/api", StringComparison.OrdinalIgnoreCase))
        {
            if (Api(response.StatusCode) is { } problem)
            {
                var status = response.StatusCode;
                await ProblemResponses.WriteAsync(context, problem, status);
            }
        }
        else if (HttpMethods.IsGet(context.Request.Method) || HttpMethods.IsPost(context.Request.Method))
        {
            var (title, detail) = Page(response.StatusCode);
            await ErrorPage.WriteAsync(context, response.StatusCode, title, detail);
        }
    }

    private static Problem? Api(int status) => status switch
    {
        400 => new Problem(ProblemKind.Invalid, "request_invalid", "The request cannot be read."),
        404 => new Problem(ProblemKind.NotFound, "not_found", "There is no such address. /docs lists all that there are."),
        405 => new Problem(ProblemKind.Invalid, "method_not_allowed", "This address does not take that method. /docs lists which it takes."),
        // The JSON reader of minimal APIs leaves this one bare.
        413 => RequestBodies.TooLarge,
        415 => new Problem(ProblemKind.Invalid, "request_invalid", "Send the body as JSON, with 'Content-Type: application/json'."),
        _ => null,
    };

    private static (string Title, string Detail) Page(int status) => status switch
    {
        400 => ("That form is out of date", "The page was open too long, you signed in or out meanwhile, or the form did not come from this site. Nothing was changed."),
        403 => ("Not allowed", "Your account may not open this page."),
        404 => ("Page not found", "There is nothing at this address, or nothing that your account may see. Check it for typing errors."),
        405 or 415 => ("That did not work", "This address cannot be used like that."),
        _ => ("That did not work", "The request could not be answered."),
    };
}
