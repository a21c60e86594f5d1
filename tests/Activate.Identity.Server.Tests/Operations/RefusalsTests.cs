using System.Text.Json;
using Activate.Identity.Server.Operations;
using Activate.Identity.Server.Web;
using Activate.Identity.Testing;
using Activate.Identity.Data;
using Microsoft.AspNetCore.Builder;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace Activate.Identity.Server.Tests.Operations;

/// <summary>What the server refuses to run with (the ring and the public origin: Keys/KeyRingTests).</summary>
public sealed class RefusalsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("activate-refusals-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [Trait("Case", "C7")]
    [InlineData("Setup:Password", TestServer.OwnerPassword, "Setup:Password")]
    [InlineData("Setup:Password", "  ChangeMe ", "Setup:Password")]
    [InlineData("KeyRing:CertificatePassword", "…", "KeyRing:CertificatePassword")]
    [InlineData("Mail:Password", "changeit", "Mail:Password")]
    [InlineData("Database:ConnectionString", "Host=db;Username=x;Password=postgres", "Database:ConnectionString")]
    [InlineData("Database:ConnectionString", "Server=db;User Id=sa;Pwd='yourStrong(!)Password'", "Database:ConnectionString")]
    [InlineData("Database:ConnectionString", "Server=db;canary", "Database:ConnectionString")]
    public void Production_does_not_start_with_a_password_that_everybody_knows_and_does_not_print_it(string key, string value, string named)
    {
        (string, string?)[] settings = [("Server:PublicOrigin", "https://id.example.org"), ("Data:Folder", _folder), ("KeyRing:CertificatePath", RingCertificates.New(_folder, "a fine secret")), (key, value)];
        var refusal = Assert.Throws<StartupException>(() => Build("Production", settings));
        Assert.Contains(named, refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(value.Trim(), refusal.Message, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("canary", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Case", "C7")]
    public async Task No_password_that_documents_show_is_missing_from_the_list_of_those()
    {
        foreach (var document in Directory.GetFiles(Path.Combine(Tools.Root, "docs"), "*.md").Append(Path.Combine(Tools.Root, "README.md")).Append(Path.Combine(Tools.Root, "docker-compose.yml")))
        {
            foreach (System.Text.RegularExpressions.Match found in System.Text.RegularExpressions.Regex.Matches(await File.ReadAllTextAsync(document), @"(?:Password|PASSWORD)=([^\s;`$""']+)"))
            {
                var password = found.Groups[1].Value;
                Assert.Throws<StartupException>(() => ExampleSecrets.Refuse(new ConfigurationBuilder().AddInMemoryCollection([new("Mail:Password", password)]).Build()));
            }
        }
    }

    [Fact]
    [Trait("Case", "C7")]
    public async Task Where_migrating_is_a_step_of_its_own_an_older_schema_is_refused_with_the_command_to_run()
    {
        string[] settings = ["--environment", "Development", $"--Data:Folder={_folder}", "--Database:MigrateAtStart=false", "--Urls=http://127.0.0.1:0", "--Server:PublicOrigin=http://localhost"];
        var refused = await CommandAnswer.RunAsync(settings);
        Assert.Equal(1, refused.Code);
        Assert.StartsWith("The server does not start: The database lacks", refused.Error, StringComparison.Ordinal);
        Assert.Contains("run the command migrate", refused.Error, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(_folder));

        Assert.Equal(0, (await CommandAnswer.RunAsync(["migrate", .. settings])).Code);
        await using var app = Program.Build(settings);
        await app.BringUpToDateAsync();
    }

    [Theory]
    [Trait("Case", "C7")]
    [InlineData("Production", null, false)]
    [InlineData("Production", "false", false)]
    [InlineData("Production", "true", true)]
    [InlineData("Development", null, true)]
    public async Task In_Production_a_start_fills_an_empty_database_but_changes_none_that_somebody_uses_unasked(string environment, string? migrateAtStart, bool migrates)
    {
        var certificate = RingCertificates.New(_folder, "a fine secret");
        WebApplication App(string? migrate) => Build(environment, ("Data:Folder", _folder), ("Database:MigrateAtStart", migrate), ("Server:PublicOrigin", "https://id.example.org"),
            ("KeyRing:CertificatePath", certificate), ("KeyRing:CertificatePassword", "a fine secret"));
        await using (var first = App(migrateAtStart == "false" ? "true" : migrateAtStart))
            await first.BringUpToDateAsync();
        await using var app = App(migrateAtStart);
        await using var scope = app.Services.CreateAsyncScope();
        var database = scope.ServiceProvider.GetRequiredService<ActivateDbContext>();
        // As the version before left it, whose last migration did nothing to the schema that this one minds.
        await database.GetService<IMigrator>().MigrateAsync(database.Database.GetMigrations().SkipLast(1).Last());
        if (migrates)
        {
            await app.BringUpToDateAsync();
            Assert.Empty(await database.PendingMigrationsAsync());
            return;
        }

        var refusal = await Assert.ThrowsAsync<StartupException>(app.BringUpToDateAsync);
        Assert.StartsWith("The database lacks 1 migration(s)", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("run the command migrate", refusal.Message, StringComparison.Ordinal);
        Assert.Single(await database.PendingMigrationsAsync());
    }

    [Theory]
    [InlineData("Database:MigrateAtStart", "perhaps")]
    [InlineData("Server:DrainSeconds", "61")]
    [InlineData("Server:DrainSeconds", "soon")]
    public void A_setting_that_means_nothing_stops_the_start_with_its_name(string key, string value) =>
        Assert.Contains(key, Assert.Throws<StartupException>(() => Build("Development", ("Data:Folder", _folder), (key, value))).Message, StringComparison.Ordinal);

    [Fact]
    [Trait("Case", "C2")]
    [Trait("Case", "X1")]
    public void Nothing_that_runs_here_is_below_its_floor_and_each_floor_means_something()
    {
        Assert.Empty(LibraryFloors.Violations(LibraryFloors.All));
        // One that is below its floor, and is told of with both versions.
        var old = Assert.Single(LibraryFloors.Violations([new("Example.Library", new(99, 0, 1), typeof(WebApplication)), .. LibraryFloors.All]));
        Assert.Matches(@"^Example\.Library is 10\.0\.\d+, not 99\.0\.1 or later$", old);
        Assert.Contains(old, Assert.Throws<StartupException>(() => OperationsSetup.RefuseOldLibraries([new("Example.Library", new(99, 0, 1), typeof(WebApplication))])).Message, StringComparison.Ordinal);
        Assert.All(LibraryFloors.All.Where(floor => floor.Runs is not null), floor => Assert.True(LibraryFloors.VersionOf(floor.Runs!.Assembly) >= new Version(4, 0), floor.Package));
        Assert.Equal(LibraryFloors.All.Count, LibraryFloors.All.Select(floor => floor.Package).Distinct().Count());
    }

    [Fact]
    [Trait("Case", "X1")]
    public async Task No_lock_file_holds_a_package_below_its_floor()
    {
        var seen = new HashSet<string>();
        foreach (var file in Directory.GetFiles(Tools.Root, "packages.lock.json", SearchOption.AllDirectories).Where(file => !file.Contains($"{Path.DirectorySeparatorChar}artifacts{Path.DirectorySeparatorChar}", StringComparison.Ordinal)))
        {
            using var json = JsonDocument.Parse(await File.ReadAllTextAsync(file));
            foreach (var package in json.RootElement.GetProperty("dependencies").EnumerateObject().SelectMany(framework => framework.Value.EnumerateObject()))
            {
                if (LibraryFloors.All.FirstOrDefault(floor => floor.Package.Equals(package.Name, StringComparison.OrdinalIgnoreCase)) is not { } floor || !package.Value.TryGetProperty("resolved", out var resolved))
                    continue;
                seen.Add(floor.Package);
                Assert.True(Version.Parse(resolved.GetString()!.Split('-')[0]) >= floor.Lowest, $"{Path.GetRelativePath(Tools.Root, file)} has {package.Name} {resolved.GetString()}, not {floor.Lowest} or later.");
            }
        }

        // A floor under a package that is not there would hold nothing: the framework and what comes with it is looked at when it runs.
        Assert.Empty(LibraryFloors.All.Select(floor => floor.Package).Except(seen).Except(["Microsoft.AspNetCore.App", "Microsoft.AspNetCore.DataProtection", "Microsoft.AspNetCore.DataProtection.Abstractions"]));
    }

    private static WebApplication Build(string environment, params (string Key, string? Value)[] settings) => Program.Build(["--environment", environment], builder =>
        builder.Configuration.AddInMemoryCollection(settings.Select(setting => KeyValuePair.Create(setting.Key, setting.Value))));
}
