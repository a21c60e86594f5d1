namespace Activate.Identity.AspNetCore;

/// <summary>Names that an application may need to refer to.</summary>
public static class ActivateIdentityDefaults
{
    /// <summary>The authentication scheme. It is the application's default scheme as long as no other is added.</summary>
    public const string AuthenticationScheme = "ActivateIdentity";

    /// <summary>The configuration section from which <see cref="ActivateIdentityOptions"/> are read.</summary>
    public const string ConfigurationSection = "ActivateIdentity";
}
