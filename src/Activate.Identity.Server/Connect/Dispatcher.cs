using System.Runtime.CompilerServices;
using Microsoft.Extensions.Options;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace Activate.Identity.Server.Connect;

/// <summary>
/// Runs OpenIddict's handlers and ours for an event, as OpenIddict's own dispatcher does, but looks the handlers of an event up once and not among all of them at
/// each event: a token request has some twenty events, and there are five hundred handlers (docs/performance.md has the gain).
/// </summary>
internal sealed class Dispatcher(IOptionsMonitor<OpenIddictServerOptions> options, IServiceProvider services) : IOpenIddictServerDispatcher
{
    /// <summary>The steps of each event, for each list of handlers: the options are made anew when the signing keys change.</summary>
    private static readonly ConditionalWeakTable<List<OpenIddictServerHandlerDescriptor>, Dictionary<Type, Step[]>> s_plans = [];

    public async ValueTask DispatchAsync<TContext>(TContext context) where TContext : BaseContext
    {
        if (!s_plans.GetValue(options.CurrentValue.Handlers, Plan).TryGetValue(typeof(TContext), out var steps))
            return;
        foreach (var step in steps)
        {
            if (!await IsActiveAsync(step, context))
                continue;
            await ((IOpenIddictServerHandler<TContext>)(step.Instance ?? services.GetRequiredService(step.Handler))).HandleAsync(context);
            if (context is BaseRequestContext { IsRequestHandled: true } or BaseRequestContext { IsRequestSkipped: true } or BaseValidatingContext { IsRejected: true })
                return;
        }
    }

    private async ValueTask<bool> IsActiveAsync<TContext>(Step step, TContext context) where TContext : BaseContext
    {
        foreach (var filter in step.Filters)
        {
            if (!await ((IOpenIddictServerHandlerFilter<TContext>)services.GetRequiredService(filter)).IsActiveAsync(context))
                return false;
        }

        return true;
    }

    private static Dictionary<Type, Step[]> Plan(List<OpenIddictServerHandlerDescriptor> handlers) =>
        handlers.GroupBy(handler => handler.ContextType).ToDictionary(handlers => handlers.Key, handlers => handlers.Select(handler =>
            new Step(handler.ServiceDescriptor.ServiceType, [.. handler.FilterTypes], handler.ServiceDescriptor.ImplementationInstance)).ToArray());

    private sealed record Step(Type Handler, Type[] Filters, object? Instance);
}
