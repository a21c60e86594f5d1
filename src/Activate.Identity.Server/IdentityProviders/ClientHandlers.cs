using System.Collections.Frozen;
using System.Security.Cryptography;
using System.Text;
using Activate.Identity.Data;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore;
using Microsoft.EntityFrameworkCore;
using OpenIddict.Abstractions;
using OpenIddict.Client;
using OpenIddict.Client.AspNetCore;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Client.OpenIddictClientEvents;
using static OpenIddict.Client.OpenIddictClientHandlers;
using static OpenIddict.Client.OpenIddictClientHandlerFilters;

namespace Activate.Identity.Server.IdentityProviders;

/// <summary>Our steps among those of OpenIddict's client.</summary>
internal static class ClientHandlers
{
    public static readonly OpenIddictClientHandlerDescriptor[] All =
    [
        OpenIddictClientHandlerDescriptor.CreateBuilder<ProcessRequestContext>().UseSingletonHandler<UsePublicOrigin>()
            .SetOrder(OpenIddictClientAspNetCoreHandlers.ResolveRequestUri.Descriptor.Order + 500).SetType(OpenIddictClientHandlerType.Custom).Build(),
        OpenIddictClientHandlerDescriptor.CreateBuilder<ProcessAuthenticationContext>().AddFilter<RequireStateTokenPrincipal>().AddFilter<RequireStateTokenValidated>().UseScopedHandler<SpendState>()
            .SetOrder(ValidateEndpointUri.Descriptor.Order + 500).SetType(OpenIddictClientHandlerType.Custom).Build(),
        OpenIddictClientHandlerDescriptor.CreateBuilder<ProcessAuthenticationContext>().AddFilter<RequireRedirectionRequest>().UseSingletonHandler<TellErrors>()
            .SetOrder(ValidateIssuerParameter.Descriptor.Order + 500).SetType(OpenIddictClientHandlerType.Custom).Build(),
    ];

    /// <summary>
    /// Tells errors of the provider that are about how the two are registered (<c>invalid_scope</c>) from those of people and of bad days. It is known by now that the provider sent them;
    /// OpenIddict's own words are about all of them the same.
    /// </summary>
    internal sealed class TellErrors : IOpenIddictClientHandler<ProcessAuthenticationContext>
    {
        public const string Other = "The provider answered with an error of its own.";

        /// <summary>Somebody said no, or has to do something there first (RFC 6749 §4.1.2.1, OpenID Connect Core §3.1.2.6).</summary>
        public static readonly FrozenSet<string?> OfThePerson =
            FrozenSet.ToFrozenSet<string?>([Errors.AccessDenied, Errors.ConsentRequired, Errors.InteractionRequired, Errors.LoginRequired, Errors.AccountSelectionRequired]);

        public ValueTask HandleAsync(ProcessAuthenticationContext context)
        {
            if ((string?)context.Request?[Parameters.Error] is { Length: > 0 } error and not (Errors.ServerError or Errors.TemporarilyUnavailable) && !OfThePerson.Contains(error))
                context.Reject(Errors.InvalidRequest, Other);
            return ValueTask.CompletedTask;
        }
    }

    /// <summary>Addresses are compared with those that we gave the provider: by the public origin, whatever the Host header or a proxy says.</summary>
    internal sealed class UsePublicOrigin(PublicOrigin origin) : IOpenIddictClientHandler<ProcessRequestContext>
    {
        public ValueTask HandleAsync(ProcessRequestContext context)
        {
            var request = context.Transaction.GetHttpRequest()!;
            context.BaseUri = new Uri(origin.Issuer);
            context.RequestUri = new Uri($"{origin.Value}{request.Path.ToUriComponent()}{request.QueryString.ToUriComponent()}");
            return ValueTask.CompletedTask;
        }
    }

    /// <summary>
    /// A sign-in that was started is finished once, on whatever node: its id is noted, and a unique index lets one of many note it. After the look whether it is this browser's, so
    /// that nobody uses up another's; before the code is redeemed. OpenIddict would store each start instead, and any stranger can start as many as he likes.
    /// </summary>
    internal sealed class SpendState(ActivateDbContext database, ProviderRegistrations providers, TimeProvider clock) : IOpenIddictClientHandler<ProcessAuthenticationContext>
    {
        public const string Spent = "This sign-in was finished before.";
        public const string Gone = "The provider is switched off.";

        public async ValueTask HandleAsync(ProcessAuthenticationContext context)
        {
            // A random number of its own, which only this state has.
            if (context.StateTokenPrincipal!.GetClaim(Claims.Private.Nonce) is not { Length: > 0 } nonce)
            {
                context.Reject(Errors.InvalidRequest, Spent);
                return;
            }

            var form = new SpentForm { Id = new Guid(SHA256.HashData(Encoding.UTF8.GetBytes(nonce)).AsSpan(0, 16)), ExpiresAt = clock.Now() + (2 * IdentityProvidersSetup.StateLifetime) };
            database.SpentForms.Add(form);
            try
            {
                await database.SaveChangesAsync(context.CancellationToken);
            }
            catch (DbUpdateException exception) when (DatabaseFaults.IsDuplicate(exception))
            {
                context.Reject(Errors.InvalidRequest, Spent);
            }

            database.Entry(form).State = EntityState.Detached;
            if (context.IsRejected)
                return;
            // Switched off, or its organization suspended, while somebody was there: an answer and not a fault.
            if (Guid.TryParse(context.StateTokenPrincipal!.GetClaim(Claims.Private.RegistrationId), out var id)
                && await providers.FindAsync(id, context.CancellationToken) is { } provider)
                context.Registration = providers.Registration(provider);
            else
                context.Reject(Errors.InvalidRequest, Gone);
        }
    }
}
