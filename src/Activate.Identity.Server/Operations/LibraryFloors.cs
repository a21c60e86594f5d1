using System.Reflection;

namespace Activate.Identity.Server.Operations;

/// <summary>
/// The lowest versions that the server runs with: below them are known holes. One list, looked at when the server starts (the framework is the machine's, and may be older than what we were
/// built with) and by a test of the lock files.
/// </summary>
internal static class LibraryFloors
{
    public static readonly IReadOnlyList<LibraryFloor> All =
    [
        // CVE-2026-40372: before 10.0.7 it took forged cookies.
        new("Microsoft.AspNetCore.DataProtection", new(10, 0, 7), typeof(Microsoft.AspNetCore.DataProtection.DataProtectionBuilderExtensions)),
        new("Microsoft.AspNetCore.DataProtection.Abstractions", new(10, 0, 7), typeof(Microsoft.AspNetCore.DataProtection.IDataProtector)),
        new("Microsoft.AspNetCore.DataProtection.EntityFrameworkCore", new(10, 0, 7), typeof(Microsoft.AspNetCore.DataProtection.EntityFrameworkCoreDataProtectionExtensions)),
        // CVE-2025-55315 (request smuggling), and what was mended after it.
        new("Microsoft.AspNetCore.App", new(10, 0, 12), typeof(WebApplication)),
        new("Microsoft.AspNetCore.Identity.EntityFrameworkCore", new(10, 0, 12), typeof(Microsoft.AspNetCore.Identity.EntityFrameworkCore.IdentityUserContext<>)),
        // CVE-2024-21319: tokens that unpack to gigabytes.
        new("Microsoft.IdentityModel.JsonWebTokens", new(8, 23, 0), typeof(Microsoft.IdentityModel.JsonWebTokens.JsonWebToken)),
        new("Microsoft.IdentityModel.Tokens", new(8, 23, 0), typeof(Microsoft.IdentityModel.Tokens.TokenValidationParameters)),
        new("OpenIddict.Server", new(7, 8, 0), typeof(OpenIddict.Server.OpenIddictServerOptions)),
        new("Microsoft.Data.SqlClient", new(6, 1, 8), null),
        new("Npgsql", new(10, 0, 3), null),
        new("SQLitePCLRaw.lib.e_sqlite3", new(2, 1, 11), null),
        new("MailKit", new(4, 18, 2), null),
        new("System.Security.Cryptography.Pkcs", new(10, 0, 14), null),
    ];

    /// <summary>What runs below its floor, for people.</summary>
    public static IEnumerable<string> Violations(IEnumerable<LibraryFloor> floors) =>
        from floor in floors
        where floor.Runs is not null
        let version = VersionOf(floor.Runs!.Assembly)
        where version < floor.Lowest
        select $"{floor.Package} is {version}, not {floor.Lowest} or later";

    /// <summary>Of the package or framework that an assembly came with; its own version says less.</summary>
    public static Version VersionOf(Assembly assembly) =>
        Version.Parse(assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('-', '+')[0]);
}

/// <param name="Package">Its id, or the framework's name.</param>
/// <param name="Lowest">The lowest version that may run.</param>
/// <param name="Runs">A type of it that every server loads anyway; null: looked at in the lock files only.</param>
internal sealed record LibraryFloor(string Package, Version Lowest, Type? Runs);
