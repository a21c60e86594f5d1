using Microsoft.Extensions.Options;

namespace Activate.Identity.AspNetCore;

/// <summary>A resource server that is set up wrongly does not start. Messages name the setting and the remedy, never the secret.</summary>
internal sealed class OptionsRules : IValidateOptions<ActivateIdentityOptions>
{
    public ValidateOptionsResult Validate(string? name, ActivateIdentityOptions options)
    {
        List<string> wrong = [];
        Check(options.Issuer is { IsAbsoluteUri: true } issuer && (issuer.Scheme == Uri.UriSchemeHttps || issuer.Scheme == Uri.UriSchemeHttp),
            "Issuer", "has to be the https address of the Activate.Identity server, such as https://id.example.org.");
        if (wrong.Count == 0)
        {
            // The client secret and every credential go there.
            Check(options.Issuer!.Scheme == Uri.UriSchemeHttps || options.Issuer.IsLoopback, "Issuer", "has to be https: plain http is taken for loopback addresses only.");
            Check(options.Issuer.AbsolutePath == "/" && options.Issuer.Query.Length == 0 && options.Issuer.Fragment.Length == 0 && options.Issuer.UserInfo.Length == 0,
                "Issuer", "is scheme, host and port only: no path, query or user name.");
        }

        Check(!string.IsNullOrWhiteSpace(options.ClientId), "ClientId", "is missing: register this resource server (type resourceServer) and take the client id.");
        Check(!string.IsNullOrWhiteSpace(options.ClientSecret), "ClientSecret", "is missing: it was shown once at the registration, and can be renewed there.");
        Check(options.Audiences.Count > 0, "Audiences", "is empty: name what this resource server answers for, as in its registration's resources.");
        Check(options.Audiences.All(audience => Uri.TryCreate(audience, UriKind.Absolute, out _) && !audience.AsSpan().ContainsAny(" \"\\") && audience.All(char.IsAscii)),
            "Audiences", "has to hold absolute URIs, written as in the registration.");
        Check(options.CacheDuration >= TimeSpan.Zero && options.CacheDuration <= TimeSpan.FromSeconds(30), "CacheDuration", "has to be 0 to 30 seconds.");
        Check(options.CacheSize is >= 100 and <= 1_000_000, "CacheSize", "has to be 100 to 1,000,000.");
        Check(options.Timeout >= TimeSpan.FromMilliseconds(100) && options.Timeout <= TimeSpan.FromSeconds(30), "Timeout", "has to be 100 milliseconds to 30 seconds.");
        return wrong.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(wrong);

        void Check(bool right, string setting, string remedy)
        {
            if (!right)
                wrong.Add($"{ActivateIdentityDefaults.ConfigurationSection}:{setting} {remedy}");
        }
    }
}
