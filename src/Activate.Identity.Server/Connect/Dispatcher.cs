using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Options;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace Activate.Identity.Server.Connect;

/// <summary>
/// Runs OpenIddict's handlers and ours for an event, as OpenIddict's own dispatcher does, but looks the handlers of an event up once and not among all of them at
/// each event: a token request has some twenty events, and there are five hundred handlers. Filters and handlers without a scope are found once, and called through
/// delegates: to call a filter of any event for this one through its interface costs a search each time (docs/performance.md has the gain).
/// </summary>
internal sealed class Dispatcher(IOptionsMonitor<OpenIddictServerOptions> options, IServiceProvider services) : IOpenIddictServerDispatcher
{
    /// <summary>The steps of each event, for each list of handlers: the options are made anew when the signing keys change.</summary>
    private static readonly ConditionalWeakTable<List<OpenIddictServerHandlerDescriptor>, ConcurrentDictionary<Type, object>> s_plans = [];

    public async ValueTask DispatchAsync<TContext>(TContext context) where TContext : BaseContext
    {
        foreach (var (filters, shared, handler) in StepsOf<TContext>())
        {
            var active = true;
            foreach (var filter in filters)
            {
                if (!(active = await filter(context)))
                    break;
            }

            if (!active)
                continue;
            await (shared is not null ? shared(context) : ((IOpenIddictServerHandler<TContext>)services.GetRequiredService(handler)).HandleAsync(context));
            if (context is BaseRequestContext { IsRequestHandled: true } or BaseRequestContext { IsRequestSkipped: true } or BaseValidatingContext { IsRejected: true })
                return;
        }
    }

    private Step<TContext>[] StepsOf<TContext>() where TContext : BaseContext
    {
        var handlers = options.CurrentValue.Handlers;
        var plans = s_plans.GetOrCreateValue(handlers);
        return (Step<TContext>[])(plans.TryGetValue(typeof(TContext), out var steps) ? steps : plans.GetOrAdd(typeof(TContext), Plan<TContext>(handlers)));
    }

    private Step<TContext>[] Plan<TContext>(List<OpenIddictServerHandlerDescriptor> handlers) where TContext : BaseContext =>
    [
        .. handlers.Where(handler => handler.ContextType == typeof(TContext)).Select(handler => new Step<TContext>(
            [.. handler.FilterTypes.Select(filter => (Func<TContext, ValueTask<bool>>)((IOpenIddictServerHandlerFilter<TContext>)services.GetRequiredService(filter)).IsActiveAsync)],
            handler.ServiceDescriptor switch
            {
                { ImplementationInstance: { } instance } => ((IOpenIddictServerHandler<TContext>)instance).HandleAsync,
                { Lifetime: ServiceLifetime.Singleton, ServiceType: var type } => ((IOpenIddictServerHandler<TContext>)services.GetRequiredService(type)).HandleAsync,
                _ => null,
            },
            handler.ServiceDescriptor.ServiceType)),
    ];

    /// <summary>One handler of an event.</summary>
    /// <param name="Filters">All say yes, or it does not run. OpenIddict's are singletons (a test says so).</param>
    /// <param name="Shared">The handler, when there is one for all requests.</param>
    /// <param name="Handler">Its type, for the request's scope.</param>
    private sealed record Step<TContext>(Func<TContext, ValueTask<bool>>[] Filters, Func<TContext, ValueTask>? Shared, Type Handler);
}
