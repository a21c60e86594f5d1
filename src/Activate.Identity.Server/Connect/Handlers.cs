using OpenIddict.Server;
using Microsoft.AspNetCore;

namespace Activate.Identity.Server.Connect;

/// <summary>Shorthand for OpenIddict's handler descriptors.</summary>
internal static class Handlers
{
    /// <summary>A handler that runs in the request's scope, at <paramref name="order"/>: by convention a neighbour's order ± 500.</summary>
    public static OpenIddictServerHandlerDescriptor Handle<TContext, THandler>(int order)
        where TContext : OpenIddictServerEvents.BaseContext
        where THandler : class, IOpenIddictServerHandler<TContext> =>
        OpenIddictServerHandlerDescriptor.CreateBuilder<TContext>().UseScopedHandler<THandler>().SetOrder(order).SetType(OpenIddictServerHandlerType.Custom).Build();

    public static HttpContext Http(this OpenIddictServerEvents.BaseContext context) =>
        context.Transaction.GetHttpRequest()?.HttpContext ?? throw new InvalidOperationException("The request did not come over HTTP.");
}
