using System.Security.Claims;
using Activate.Identity.Core;
using Activate.Identity.Core.Errors;
using Activate.Identity.Server.Devices;
using Activate.Identity.Server.Web;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;
using static OpenIddict.Server.OpenIddictServerHandlers;
using Scopes = Activate.Identity.Core.Scopes;

namespace Activate.Identity.Server.Connect;

/// <summary>
/// Device login at OpenIddict's endpoints. OpenIddict authenticates the client and checks scopes; the codes, the throttle and the decision are ours
/// (<see cref="DeviceCodeIssuer"/>, <see cref="DeviceGrant"/>), because OpenIddict has no interval, no slow_down, no claim by one session, and kills a
/// login whose code is seen twice.
/// </summary>
internal static class DeviceHandlers
{
    public static readonly OpenIddictServerHandlerDescriptor[] All =
    [
        // The page /device is ours alone; OpenIddict only needs its address.
        Handlers.Handle<ProcessRequestContext, LeaveThePage>(InferEndpointType.Descriptor.Order + 500),
        Handlers.Handle<ValidateDeviceAuthorizationRequestContext, CheckWishes>(Device.ValidateScopeParameter.Descriptor.Order + 500),
        Handlers.Handle<ProcessSignInContext, MakeCodes>(EvaluateGeneratedTokens.Descriptor.Order + 500),
        Handlers.Handle<ProcessSignInContext, AnswerWithCodes>(AttachSignInParameters.Descriptor.Order + 500),
        Handlers.Handle<ValidateTokenContext, Poll>(Protection.RemoveDisallowedCharacters.Descriptor.Order + 400),
        Handlers.Handle<HandleTokenRequestContext, SignIn>(Exchange.AttachPrincipal.Descriptor.Order + 500),
    ];

    internal sealed class LeaveThePage : IOpenIddictServerHandler<ProcessRequestContext>
    {
        public ValueTask HandleAsync(ProcessRequestContext context)
        {
            if (context.EndpointType == OpenIddictServerEndpointType.EndUserVerification)
                context.SkipRequest();
            return default;
        }
    }

    /// <summary>What the device says of itself and wishes for: refused here when it cannot be shown or granted to anybody.</summary>
    internal sealed class CheckWishes : IOpenIddictServerHandler<ValidateDeviceAuthorizationRequestContext>
    {
        public ValueTask HandleAsync(ValidateDeviceAuthorizationRequestContext context)
        {
            if (WishesOf(context.Request).Problem is { } problem)
                context.Reject(problem.Code, problem.Detail);
            else if (Resources.Of(context.Request) is not null)
                // Left out, it would be a token for another audience than the one that was asked for (RFC 8707 §2).
                context.Reject(Errors.InvalidTarget, "A device login takes no resource: its token is for this server and its platform. Exchange it for one that is for the resource.");
            else if (string.IsNullOrEmpty(context.Request.Scope))
                context.Request.Scope = Scopes.Join(Scopes.Default);
            return default;
        }
    }

    public static Result<DeviceWishes> WishesOf(OpenIddictRequest request) => DeviceWishes.Parse((string?)request["device_name"], (string?)request["lifetime_hours"]);

    internal sealed class MakeCodes(DeviceCodeIssuer issuer) : IOpenIddictServerHandler<ProcessSignInContext>
    {
        public async ValueTask HandleAsync(ProcessSignInContext context)
        {
            if (context.EndpointType != OpenIddictServerEndpointType.DeviceAuthorization)
                return;
            context.GenerateDeviceCode = context.IncludeDeviceCode = context.GenerateUserCode = context.IncludeUserCode = false;
            var http = context.Http();
            if (!WishesOf(context.Request).TryGet(out var wishes, out _))
                throw new InvalidOperationException("The wishes were checked a moment ago.");
            var issued = await issuer.IssueAsync(context.ClientId!, Scopes.Join(context.Request.GetScopes()), wishes, http.RemoteAddress(), http.RequestAborted);
            if (issued.TryGet(out var codes, out var problem))
            {
                context.Transaction.SetProperty(nameof(DeviceCodes), codes);
                return;
            }

            await OAuthAnswers.RefuseAsync(http, problem);
            context.HandleRequest();
        }
    }

    internal sealed class AnswerWithCodes(PublicOrigin origin) : IOpenIddictServerHandler<ProcessSignInContext>
    {
        public ValueTask HandleAsync(ProcessSignInContext context)
        {
            if (context.Transaction.GetProperty<DeviceCodes>(nameof(DeviceCodes)) is { } codes)
            {
                context.Response.DeviceCode = codes.DeviceCode.Reveal();
                context.Response.UserCode = codes.UserCode;
                context.Response.VerificationUri = codes.VerificationUri(origin);
                context.Response.VerificationUriComplete = codes.VerificationUriComplete(origin);
                context.Response.ExpiresIn = codes.ExpiresIn;
                context.Response["interval"] = codes.Interval;
            }

            return default;
        }
    }

    /// <summary>A device code at the token endpoint: the standing of its request, or the refusal of RFC 8628 §3.5.</summary>
    internal sealed class Poll(DeviceGrant grant) : IOpenIddictServerHandler<ValidateTokenContext>
    {
        public async ValueTask HandleAsync(ValidateTokenContext context)
        {
            if (context.ValidTokenTypes.Count != 1 || !context.ValidTokenTypes.Contains(TokenTypeIdentifiers.Private.DeviceCode) || context.Principal is not null)
                return;
            var clientId = context.Request!.ClientId!;
            if (!(await grant.PollAsync(context.Token!, clientId, context.Http().RequestAborted)).TryGet(out var standing, out var problem))
            {
                context.Reject(problem.Code, problem.Detail);
                return;
            }

            context.Transaction.SetProperty(nameof(Standing), standing);
            // Scopes, so that OpenIddict refuses a poll that asks for more than was approved; presenter, because it compares the client.
            context.Principal = new ClaimsPrincipal(new ClaimsIdentity("device", Claims.Name, Claims.Role))
                .SetTokenType(TokenTypeIdentifiers.Private.DeviceCode)
                .SetClaim(Claims.Subject, standing.Owner.Id.ToString())
                .SetPresenters(clientId)
                .SetScopes(Scopes.Split(standing.Grant.Scopes));
        }
    }

    internal sealed class SignIn : IOpenIddictServerHandler<HandleTokenRequestContext>
    {
        public ValueTask HandleAsync(HandleTokenRequestContext context)
        {
            if (context.Request.IsDeviceCodeGrantType() && context.Transaction.GetProperty<Standing>(nameof(Standing)) is { } standing)
                GrantHandlers.SignIn(context, standing);
            return default;
        }
    }
}
