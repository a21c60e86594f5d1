using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Metadata;

namespace Activate.Identity.Data.Tests;

/// <summary>The models that were written as code when the entities last changed, beside the entities as they are.</summary>
public class CompiledModelTests
{
    [Theory]
    [InlineData(DatabaseProvider.Sqlite)]
    [InlineData(DatabaseProvider.SqlServer)]
    [InlineData(DatabaseProvider.PostgreSql)]
    public async Task The_compiled_model_is_in_use_and_says_what_a_model_built_now_says(DatabaseProvider provider)
    {
        await using var databases = Databases.Offline(provider);
        await databases.QueryAsync(database =>
        {
            Assert.Equal($"Activate.Identity.Data.Providers.{provider}.CompiledModel", database.Model.GetType().Namespace);
            // What EF Core would make of the entities at start, if there were no compiled model.
            var built = database.GetService<IModelRuntimeInitializer>().Initialize(database.GetService<IDesignTimeModel>().Model, designTime: false);
            Assert.NotSame(database.Model, built);
            foreach (var (expected, actual) in Lines(built).Zip(Lines(database.Model)))
                Assert.True(expected == actual, $"Run src/Activate.Identity.Data/compile-models.sh: the entities say\n{expected}\nand the compiled model\n{actual}");
            Assert.Equal(Lines(built).Length, Lines(database.Model).Length);
            return Task.FromResult(0);
        });
    }

    /// <summary>Everything the model says, and how values are converted and compared.</summary>
    private static string[] Lines(IModel model) =>
    [
        .. model.ToDebugString(MetadataDebugStringOptions.LongDefault).Split('\n').Select(line => line.TrimEnd('\r')),
        .. model.GetEntityTypes().OrderBy(type => type.Name, StringComparer.Ordinal).SelectMany(type => type.GetProperties().Select(property =>
            $"{type.DisplayName()}.{property.Name}: {((Microsoft.EntityFrameworkCore.Storage.RelationalTypeMapping)property.GetTypeMapping()).StoreType}, converted {property.GetTypeMapping().Converter?.ConvertToProviderExpression} and back {property.GetTypeMapping().Converter?.ConvertFromProviderExpression}, "
            + $"compared {property.GetValueComparer().EqualsExpression}, as key {property.GetKeyValueComparer().EqualsExpression}")),
        .. model.GetEntityTypes().OrderBy(type => type.Name, StringComparer.Ordinal).Select(type => $"{type.DisplayName()}: filtered by {string.Join(", ", type.GetDeclaredQueryFilters().Select(filter => filter.Expression))}"),
    ];
}
