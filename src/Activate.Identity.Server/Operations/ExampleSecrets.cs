using System.Data.Common;
using Activate.Identity.Server.Web;

namespace Activate.Identity.Server.Operations;

/// <summary>Passwords that everybody knows, because documents show them or products came with them: in Production no setting may be one.</summary>
internal static class ExampleSecrets
{
    /// <summary>In lower case. What our own documents show, and what is tried first against any server.</summary>
    private static readonly HashSet<string> s_known =
    [
        "analytical engine no. 1", "…", "...", "changeme", "change-me", "change_me", "changeit", "password", "passw0rd", "p@ssw0rd", "p@ssword1", "secret", "example", "default", "admin", "administrator",
        "root", "sa", "postgres", "sqlserver", "activate", "activate-identity", "12345678", "123456789", "yourstrong(!)password", "<yourstrong@passw0rd>", "yourstrong!passw0rd", "mysecretpassword",
    ];

    private static readonly string[] s_settings = ["Setup:Password", "KeyRing:CertificatePassword", "Mail:Password"];

    /// <exception cref="StartupException">A setting is such a password. The message names the setting, not the password.</exception>
    public static void Refuse(IConfiguration configuration)
    {
        foreach (var setting in s_settings)
            Refuse(setting, configuration[setting]);
        if (configuration["Database:ConnectionString"] is { Length: > 0 } text)
            Refuse("The password in Database:ConnectionString", PasswordOf(text));
    }

    private static void Refuse(string what, string? password)
    {
        if (password is not null && s_known.Contains(password.Trim().ToLowerInvariant()))
            throw new StartupException($"{what} is one that everybody knows, from documents or as a default. Production does not start with it: choose another, e.g. of 'openssl rand -base64 24'.");
    }

    private static string? PasswordOf(string connectionString)
    {
        var parts = new DbConnectionStringBuilder();
        try
        {
            parts.ConnectionString = connectionString;
        }
        catch (ArgumentException)
        {
            // The message of the exception quotes the string.
            throw new StartupException("Database:ConnectionString cannot be read: it is name=value pairs with semicolons between them, and a value with a semicolon or an equals sign stands in quotes.");
        }

        return parts.TryGetValue("Password", out var password) || parts.TryGetValue("Pwd", out password) ? password.ToString() : null;
    }
}
