using Microsoft.EntityFrameworkCore.Storage.ValueConversion;

namespace Activate.Identity.Data.Providers.SqlServer;

/// <summary>
/// Ids in the order of bytes in which SQL Server compares a <c>uniqueidentifier</c>: from the last group to the first. A UUIDv7 as it is would sort there by its random
/// end: lists and their cursors would be out of order, and each insert would go to a page of its own. Turned around, the database's order is the program's.
/// </summary>
/// <remarks>docs/decisions/0021-ids-and-text-on-sql-server.md; <see cref="System.Data.SqlTypes.SqlGuid"/> compares in the same order.</remarks>
internal static class SqlServerIds
{
    /// <summary>Where SQL Server looks first, second and so on, as positions in the 16 bytes that it stores.</summary>
    private static ReadOnlySpan<byte> Order => [10, 11, 12, 13, 14, 15, 8, 9, 6, 7, 4, 5, 0, 1, 2, 3];

    public static Guid ToStored(Guid id)
    {
        Span<byte> read = stackalloc byte[16], stored = stackalloc byte[16];
        id.TryWriteBytes(read, bigEndian: true, out _);
        for (var i = 0; i < read.Length; i++)
            stored[Order[i]] = read[i];
        return new Guid(stored);
    }

    public static Guid FromStored(Guid stored)
    {
        Span<byte> bytes = stackalloc byte[16], id = stackalloc byte[16];
        stored.TryWriteBytes(bytes);
        for (var i = 0; i < id.Length; i++)
            id[i] = bytes[Order[i]];
        return new Guid(id, bigEndian: true);
    }
}

internal sealed class SqlServerIdConverter() : ValueConverter<Guid, Guid>(id => SqlServerIds.ToStored(id), stored => SqlServerIds.FromStored(stored));
