using System.Globalization;
using Activate.Identity.Core.IdentityProviders;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Data.IdentityProviders;

namespace Activate.Identity.Server.IdentityProviders;

/// <summary>A provider as its form holds it (IdentityProviders/ProviderForm.cshtml): lists as lines of text, so that they can be edited without JavaScript.</summary>
public sealed record ProviderForm
{
    public string? Name { get; init; }
    public string? Issuer { get; init; }
    public string? ClientId { get; init; }
    /// <summary>Goes in, and never out.</summary>
    public string? ClientSecret { get; init; }
    public bool HasSecret { get; init; }
    public string? Scopes { get; init; } = "openid profile email";
    public string? AllowedDomains { get; init; }
    public bool TrustsEmail { get; init; }
    public string? RequiredClaim { get; init; }
    public string? RequiredValue { get; init; }
    public string? GroupsClaim { get; init; }
    /// <summary>Lines of <c>group=role</c>.</summary>
    public string? Roles { get; init; }
    public bool TrustsMfa { get; init; }
    public string? MfaContexts { get; init; }
    public string? PauseAfterDays { get; init; }
    public bool Enabled { get; init; } = true;

    public bool IsNew { get; init; }

    public static ProviderForm Of(IdentityProvider provider)
    {
        var settings = provider.Read();
        return new ProviderForm
        {
            Name = settings.Name, Issuer = settings.Issuer, ClientId = settings.ClientId, HasSecret = provider.ProtectedSecret is not null, Scopes = string.Join(' ', settings.Scopes),
            AllowedDomains = string.Join('\n', settings.AllowedDomains), TrustsEmail = settings.TrustsEmail, RequiredClaim = settings.RequiredClaim, RequiredValue = settings.RequiredValue,
            GroupsClaim = settings.GroupsClaim, Roles = string.Join('\n', settings.Roles.Select(pair => $"{pair.Key}={pair.Value.Word()}")), TrustsMfa = settings.TrustsMfa,
            MfaContexts = string.Join('\n', settings.MfaContexts), PauseAfterDays = settings.PauseAfterDays?.ToString(CultureInfo.InvariantCulture), Enabled = settings.Enabled,
        };
    }

    public static ProviderForm Sent(IFormCollection fields) => new()
    {
        Name = fields["Name"], Issuer = fields["Issuer"], ClientId = fields["ClientId"], ClientSecret = Filled(fields["ClientSecret"]), Scopes = fields["Scopes"], AllowedDomains = fields["AllowedDomains"],
        TrustsEmail = fields["TrustsEmail"] == "true", RequiredClaim = Filled(fields["RequiredClaim"]), RequiredValue = Filled(fields["RequiredValue"]), GroupsClaim = Filled(fields["GroupsClaim"]),
        Roles = fields["Roles"], TrustsMfa = fields["TrustsMfa"] == "true", MfaContexts = fields["MfaContexts"], PauseAfterDays = Filled(fields["PauseAfterDays"]), Enabled = fields["Enabled"] == "true",
    };

    public IdentityProviderDraft ToDraft() => new(Name, Issuer, ClientId)
    {
        Scopes = (Scopes ?? "").Split([' ', '\r', '\n'], StringSplitOptions.RemoveEmptyEntries), AllowedDomains = Lines(AllowedDomains), TrustsEmail = TrustsEmail,
        RequiredClaim = RequiredClaim, RequiredValue = RequiredValue, GroupsClaim = GroupsClaim, Roles = RolesOf(Roles), TrustsMfa = TrustsMfa, MfaContexts = Lines(MfaContexts),
        // What is no number is one that is refused.
        PauseAfterDays = PauseAfterDays is null ? null : int.TryParse(PauseAfterDays, NumberStyles.None, CultureInfo.InvariantCulture, out var days) ? days : 0,
        Enabled = Enabled,
    };

    private static string? Filled(string? text) => string.IsNullOrWhiteSpace(text) ? null : text.Trim();

    private static string[] Lines(string? text) => (text ?? "").Split(['\r', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    /// <summary>The last = divides: names of groups may have some. A line without one gives no role that there is.</summary>
    private static Dictionary<string, string?> RolesOf(string? text)
    {
        var roles = new Dictionary<string, string?>(StringComparer.Ordinal);
        foreach (var line in Lines(text))
        {
            var at = line.LastIndexOf('=');
            roles[at < 0 ? line : line[..at].TrimEnd()] = at < 0 ? "" : line[(at + 1)..].TrimStart();
        }

        return roles;
    }

    public override string ToString() => $"provider {Name}";
}
