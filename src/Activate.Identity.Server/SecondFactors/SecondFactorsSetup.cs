using Activate.Identity.Data.Accounts;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Identity;

namespace Activate.Identity.Server.SecondFactors;

/// <summary>What somebody shows besides a password, or instead of it: authenticator apps, passkeys, codes on paper.</summary>
public static class SecondFactorsSetup
{
    public static void AddSecondFactors(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddScoped<PendingSignIns>();
        services.AddScoped<TotpAuthenticator>();
        services.AddScoped<RecoveryCodeIssuer>();
        services.AddScoped<PasskeyCeremonies>();
        services.AddScoped<SecondFactorRegistry>();
        services.AddScoped<IPasskeyHandler<User>, PasskeyHandler<User>>();
        services.AddOptions<IdentityPasskeyOptions>().Configure<PublicOrigin>((options, origin) =>
        {
            // Never from the Host header: whoever steers that would get passkeys for another name.
            options.ServerDomain = origin.Uri.IdnHost;
            options.ValidateOrigin = context => ValueTask.FromResult(!context.CrossOrigin && context.Origin == origin.Value);
            // Two factors in one: the device, and its owner's finger, face or PIN.
            options.UserVerificationRequirement = "required";
            options.ResidentKeyRequirement = "required";
            // What a device says of its maker is worth nothing without a list of makers to trust, and tells more of people than we want to know.
            options.AttestationConveyancePreference = "none";
        });
    }
}
