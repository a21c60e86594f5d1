using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Activate.Identity.Server.Operations;
using Microsoft.Data.Sqlite;

namespace Activate.Identity.Server.Tests.Operations;

/// <summary>How a command of the server's own ended, and what it wrote.</summary>
internal sealed record CommandAnswer(int Code, string Out, string Error)
{
    /// <summary>Runs a command as <c>Main</c> does.</summary>
    public static async Task<CommandAnswer> RunAsync(params string[] arguments)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var code = await ServerCommands.RunAsync(arguments, output, error);
        return new CommandAnswer(code, output.ToString(), error.ToString());
    }

    public override string ToString() => $"{Code}\n{Out}\n{Error}";
}

internal static class RingCertificates
{
    /// <summary>A PKCS#12 file for the key ring.</summary>
    public static string New(string folder, string password, TimeSpan? life = null)
    {
        var path = Path.Combine(folder, $"{Guid.NewGuid():N}.pfx");
        using var key = RSA.Create(2048);
        using var certificate = new CertificateRequest("CN=Activate.Identity ring", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
            .CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow + (life ?? TimeSpan.FromDays(3650)));
        File.WriteAllBytes(path, certificate.Export(X509ContentType.Pkcs12, password));
        return path;
    }
}

internal static class SqliteFiles
{
    /// <summary>Runs a statement on a file that no server has open; the first value of what it answers, if anything.</summary>
    public static string? Scalar(string file, string sql)
    {
        using var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = file, Pooling = false }.ToString());
        connection.Open();
        using var command = connection.CreateCommand();
#pragma warning disable CA2100 // Texts of tests.
        command.CommandText = sql;
#pragma warning restore CA2100
        return Convert.ToString(command.ExecuteScalar(), CultureInfo.InvariantCulture);
    }
}
