using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.Filters;

namespace Activate.Identity.Server.Web;

/// <summary>
/// What no form of ours sends to a page is refused before the page runs: a page that no handler has filled cannot be shown, and handlers read the form without asking
/// whether there is one. Antiforgery does not see to that: its token may come in a header.
/// </summary>
internal sealed class PageRequests : IAsyncResourceFilter, IAsyncPageFilter
{
    public async Task OnResourceExecutionAsync(ResourceExecutingContext context, ResourceExecutionDelegate next)
    {
        var request = context.HttpContext.Request;
        if (HttpMethods.IsPost(request.Method))
        {
            if (!request.HasFormContentType)
            {
                context.Result = new StatusCodeResult(StatusCodes.Status415UnsupportedMediaType);
                return;
            }

            try
            {
                await request.ReadFormAsync(context.HttpContext.RequestAborted);
            }
            // A multipart form that ends in the middle. Too large a body has its own status.
            catch (IOException exception) when (exception is not BadHttpRequestException)
            {
                throw new BadHttpRequestException("The form cannot be read.", exception);
            }
        }

        await next();
    }

    public Task OnPageHandlerSelectionAsync(PageHandlerSelectedContext context) => Task.CompletedTask;

    public Task OnPageHandlerExecutionAsync(PageHandlerExecutingContext context, PageHandlerExecutionDelegate next)
    {
        var method = context.HttpContext.Request.Method;
        // A page that needs nothing but its address has no handler for GET.
        if (context.HandlerMethod is not null || HttpMethods.IsGet(method) || HttpMethods.IsHead(method))
            return next();
        context.HttpContext.Response.Headers.Allow = "GET, HEAD, POST";
        context.Result = new StatusCodeResult(StatusCodes.Status405MethodNotAllowed);
        return Task.CompletedTask;
    }
}
