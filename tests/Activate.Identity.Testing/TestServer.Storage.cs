using System.Net.Sockets;
using System.Text;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Storage;

namespace Activate.Identity.Testing;

/// <summary>What lies in storage and what goes over the wire, byte by byte.</summary>
public sealed partial class TestServer
{
    /// <summary>The data folder: SQLite files, and mail in Development.</summary>
    public string DataFolder => _folder;

    public string SqliteFile => Path.Combine(_folder, "activate-identity.db");

    /// <summary>Everything a thief of the storage would hold, as text: every file of the data folder (database, WAL) and, of a database on a server, every row.</summary>
    public async Task<string> DumpStorageAsync()
    {
        var dump = new StringBuilder();
        // The files beside the database first: what leaves them goes into it.
        foreach (var file in Directory.GetFiles(_folder, "*", SearchOption.AllDirectories).OrderBy(file => file.EndsWith(".db", StringComparison.Ordinal)))
        {
            try
            {
                // SQLite keeps the file open: read beside it.
                await using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
                using var reader = new StreamReader(stream, Encoding.Latin1);
                dump.Append(await reader.ReadToEndAsync());
            }
            catch (FileNotFoundException) when (!file.EndsWith(".db", StringComparison.Ordinal))
            {
                // With its last connection SQLite takes the files beside the database away; what was in them is in the database then, which is read last.
            }
        }

        await QueryAsync(async database =>
        {
            if (database.Database.IsSqlite())
                return 0;
            var names = database.GetService<ISqlGenerationHelper>();
            await database.Database.OpenConnectionAsync();
            foreach (var table in database.Model.GetEntityTypes().Select(type => type.GetTableName()).OfType<string>().Distinct())
            {
                await using var command = database.Database.GetDbConnection().CreateCommand();
#pragma warning disable CA2100 // Table names of our own model.
                command.CommandText = $"SELECT * FROM {names.DelimitIdentifier(table)}";
#pragma warning restore CA2100
                await using var rows = await command.ExecuteReaderAsync();
                while (await rows.ReadAsync())
                {
                    for (var column = 0; column < rows.FieldCount; column++)
                        dump.Append(rows.GetValue(column) is byte[] bytes ? $"{Convert.ToHexStringLower(bytes)} {Encoding.Latin1.GetString(bytes)}" : rows.GetValue(column)).Append('\t');
                    dump.AppendLine();
                }
            }

            return 0;
        });
        return dump.ToString();
    }

    /// <summary>Sends a request exactly as written (Host and Connection: close are added unless given) and returns the whole answer.</summary>
    public async Task<RawAnswer> RawAsync(string requestLine, IEnumerable<string>? headers = null, string body = "", int node = 0)
    {
        var lines = new List<string> { $"{requestLine} HTTP/1.1" };
        lines.AddRange(headers ?? []);
        if (!lines.Any(line => line.StartsWith("Host:", StringComparison.OrdinalIgnoreCase)))
            lines.Add($"Host: {Origin.Authority}");
        lines.Add("Connection: close");
        if (body.Length > 0)
            lines.Add($"Content-Length: {Encoding.UTF8.GetByteCount(body)}");
        using var client = new TcpClient();
        await client.ConnectAsync(System.Net.IPAddress.Loopback, _ports[Next(node)]);
        await using var stream = client.GetStream();
        try
        {
            await stream.WriteAsync(Encoding.UTF8.GetBytes(string.Join("\r\n", lines) + "\r\n\r\n" + body));
        }
        catch (IOException)
        {
            // A server that has refused the request closes the connection before it has read all of it; its answer is there to be read.
        }

        using var memory = new MemoryStream();
        await stream.CopyToAsync(memory).WaitAsync(TimeSpan.FromSeconds(30));
        var text = Encoding.UTF8.GetString(memory.ToArray());
        var end = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        return new RawAnswer(int.Parse(text.AsSpan(9, 3), System.Globalization.CultureInfo.InvariantCulture), end < 0 ? text : text[..end], end < 0 ? "" : text[(end + 4)..]);
    }
}

public sealed record RawAnswer(int Status, string Head, string Body)
{
    public override string ToString() => $"{Head}\n{Body}";
}
