namespace Activate.Identity.AspNetCore;

/// <summary>
/// How this resource server checks credentials. Read from the configuration section <c>ActivateIdentity</c>, then changed by the delegate that was given to
/// <see cref="ActivateIdentityExtensions.AddActivateIdentity"/>. Checked when the application starts, which fails with a message that names the setting.
/// </summary>
public sealed class ActivateIdentityOptions
{
    /// <summary>
    /// The address of the Activate.Identity server, which is the issuer of its tokens: <c>https://id.example.org</c>, with or without the last slash. Required.
    /// Plain http is taken for loopback addresses only.
    /// </summary>
    public Uri? Issuer { get; set; }

    /// <summary>The client id with which this resource server was registered. Required.</summary>
    public string? ClientId { get; set; }

    /// <summary>
    /// The secret shown at the registration (<c>pws_…</c>). Required. Keep it in user secrets or in the environment (<c>ActivateIdentity__ClientSecret</c>); it is sent
    /// to the <see cref="Issuer"/> only, and never logged.
    /// </summary>
    public string? ClientSecret { get; set; }

    /// <summary>
    /// The audiences that this resource server answers for, written as in its registration's <c>resources</c>. At least one. A credential for none of them is refused with 401.
    /// </summary>
    public IList<string> Audiences { get; } = [];

    /// <summary>
    /// False, the default: every credential is introspected (RFC 7662), and its ending is felt within <see cref="CacheDuration"/>.
    /// True: access tokens are verified here by their signature; they stay good until their <c>exp</c>, 24 hours at most, whatever ends them before, and principals
    /// made from them lack <see cref="ActivateIdentityClaims.Username"/>. API keys are introspected in any case.
    /// </summary>
    public bool ValidateTokensOffline { get; set; }

    /// <summary>How soon the ending of a credential is felt here at the latest. 0 to 30 seconds; 30 when nothing is set. 0 asks the server at every request.</summary>
    public TimeSpan CacheDuration { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How many good credentials are remembered (and as many refused ones, kept apart). 100 to 1,000,000; 10,000 when nothing is set. One takes about 2 KB.
    /// </summary>
    public int CacheSize { get; set; } = 10_000;

    /// <summary>How long the server may take to answer before a request is refused with 503. 100 ms to 30 seconds; 3 seconds when nothing is set.</summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(3);

    /// <summary>The issuer as tokens have it: international names in punycode, and with the slash.</summary>
    internal string IssuerText
    {
        get
        {
            var host = Issuer!.HostNameType == UriHostNameType.IPv6 ? Issuer.Host : Issuer.IdnHost;
            return Issuer.IsDefaultPort ? $"{Issuer.Scheme}://{host}/" : $"{Issuer.Scheme}://{host}:{Issuer.Port}/";
        }
    }
}
