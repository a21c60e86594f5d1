using OpenIddict.Server;
using Microsoft.AspNetCore;

namespace Activate.Identity.Server.Connect;

/// <summary>Shorthand for OpenIddict's handler descriptors.</summary>
internal static class Handlers
{
    /// <summary>
    /// A handler at <paramref name="order"/>: by convention a neighbour's order ± 500. One that is given nothing is made once, any other in the request's scope.
    /// </summary>
    public static OpenIddictServerHandlerDescriptor Handle<TContext, THandler>(int order)
        where TContext : OpenIddictServerEvents.BaseContext
        where THandler : class, IOpenIddictServerHandler<TContext>
    {
        var handler = OpenIddictServerHandlerDescriptor.CreateBuilder<TContext>().SetOrder(order).SetType(OpenIddictServerHandlerType.Custom);
        return (typeof(THandler).GetConstructor(Type.EmptyTypes) is null ? handler.UseScopedHandler<THandler>() : handler.UseSingletonHandler<THandler>()).Build();
    }

    public static HttpContext Http(this OpenIddictServerEvents.BaseContext context) =>
        context.Transaction.GetHttpRequest()?.HttpContext ?? throw new InvalidOperationException("The request did not come over HTTP.");
}
