using System.Diagnostics;
using System.Globalization;
using Activate.Identity.Testing;
using Microsoft.Data.Sqlite;

namespace Activate.Identity.EndToEnd.Tests.Faults;

/// <summary>A server under the same load for a long time: what leaks shows.</summary>
public sealed class SoakTests(ITestOutputHelper output) : IDisposable
{
    private const int People = 4;
    private static readonly TimeSpan s_length = Tools.FullSize ? TimeSpan.FromMinutes(30) : TimeSpan.FromSeconds(4);

    /// <summary>Until then code is compiled twice, pools and caches fill.</summary>
    private static readonly TimeSpan s_warmUp = TimeSpan.FromMinutes(10);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("activate-soak-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact, Trait("Case", "F17")]
    public async Task Under_a_steady_mix_of_everything_nothing_fails_rows_go_with_what_they_are_about_and_memory_threads_and_files_do_not_grow()
    {
        await using var server = new ServerProcess(_folder.FullName);
        await server.StartAsync();
        var owner = await server.LogInAsync();
        var things = await Everyday.PrepareAsync(server, owner);
        var people = new List<Everyday>();
        for (var i = 0; i < People; i++)
            people.Add(await Everyday.JoinAsync(server, owner, $"person{i}", things));

        using var stop = new CancellationTokenSource();
        var work = Task.WhenAll(people.Select(person => Task.Run(() => LiveAsync(person, stop))));
        var (samples, watch, spent) = (new List<Sample>(), Stopwatch.StartNew(), Sample.ProcessorTime(server.Id));
        while (watch.Elapsed < s_length && !work.IsCompleted)
        {
            await Task.WhenAny(work, Task.Delay(1_000));
            samples.Add(Sample.Of(server.Id, watch.Elapsed));
        }

        await stop.CancelAsync();
        var rounds = (await work).Sum();
        spent = Sample.ProcessorTime(server.Id) - spent;
        var settled = samples.Where(sample => sample.At >= s_warmUp).ToList();
        var slope = settled.Count > 1 ? Slope(settled) : 0;
        var rows = Rows();
        var (requests, busy) = (people.Sum(person => person.Requests), people.Sum(person => person.Busy));
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{watch.Elapsed.TotalMinutes:F1} min, {rounds} rounds, {requests} requests, {busy} of them asked again because the database was busy, {spent / watch.Elapsed:P0} of one processor; " +
            $"{slope:F2} MB in 10 min after {s_warmUp.TotalMinutes} min; {string.Join(", ", samples.Where((_, i) => i % Math.Max(1, samples.Count / 10) == 0))}; rows: {string.Join(", ", rows.Select(table => $"{table.Key} {table.Value}"))}"));
        people.ForEach(person => person.Dispose());

        Assert.True(rounds >= People, "Hardly anything was done.");
        Assert.True(busy <= requests / (Tools.FullSize ? 1_000 : 20), $"{busy} of {requests} requests were told to come again.");
        // Each round takes away what it made; the cluster's key and the owner's session stay.
        Assert.Equal((1, 1, 0, 0, 1), (rows["ApiKeys"], rows["ApiKeyHashes"], rows["SshKeys"], rows["SshCertificates"], rows["TokenGrants"]));
        Assert.Equal((People, People), (rows["KnownSshKeys"], rows["Consents"]));
        if (!Tools.FullSize)
            return;
        Assert.True(slope < 1, $"It grows by {slope:F2} MB in 10 minutes.");
        var (early, late) = (settled.Take(settled.Count / 2).ToList(), settled.Skip(settled.Count / 2).ToList());
        Assert.True(late.Max(sample => sample.Files) <= early.Max(sample => sample.Files) + 5 && late.Max(sample => sample.Threads) <= early.Max(sample => sample.Threads) + 5, "Files or threads grow.");
    }

    /// <summary>Each rests as long as they worked. The first failure ends it all.</summary>
    private static async Task<int> LiveAsync(Everyday person, CancellationTokenSource stop)
    {
        var rounds = 0;
        try
        {
            // At least one, however slow the machine is.
            while (rounds == 0 || !stop.IsCancellationRequested)
            {
                var watch = Stopwatch.StartNew();
                await person.RoundAsync();
                rounds++;
                await Task.Delay(watch.Elapsed, stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
        catch
        {
            await stop.CancelAsync();
            throw;
        }

        return rounds;
    }

    private Dictionary<string, int> Rows()
    {
        using var connection = new SqliteConnection($"Data Source={Path.Combine(_folder.FullName, "activate-identity.db")};Mode=ReadOnly;Pooling=False");
        connection.Open();
        var rows = new Dictionary<string, int>();
        using var tables = connection.CreateCommand();
        tables.CommandText = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_%' ESCAPE '\\' AND name NOT LIKE 'sqlite%'";
        using var names = tables.ExecuteReader();
        while (names.Read())
        {
            using var count = connection.CreateCommand();
#pragma warning disable CA2100 // Table names of our own database.
            count.CommandText = $"SELECT COUNT(*) FROM \"{names.GetString(0)}\"";
#pragma warning restore CA2100
            rows[names.GetString(0)] = Convert.ToInt32(count.ExecuteScalar(), CultureInfo.InvariantCulture);
        }

        return rows;
    }

    /// <summary>MB in ten minutes, by least squares.</summary>
    private static double Slope(List<Sample> samples)
    {
        var (at, resident) = (samples.Average(sample => sample.At.TotalMinutes), samples.Average(sample => sample.ResidentMegabytes));
        return 10 * samples.Sum(sample => (sample.At.TotalMinutes - at) * (sample.ResidentMegabytes - resident)) / samples.Sum(sample => Math.Pow(sample.At.TotalMinutes - at, 2));
    }

    /// <summary>A process at a moment, by /proc.</summary>
    private sealed record Sample(TimeSpan At, double ResidentMegabytes, int Threads, int Files)
    {
        public static Sample Of(int process, TimeSpan at) => new(at,
            double.Parse(File.ReadLines($"/proc/{process}/status").First(line => line.StartsWith("VmRSS:", StringComparison.Ordinal)).Split(':', 'k')[1], CultureInfo.InvariantCulture) / 1024,
            Directory.GetDirectories($"/proc/{process}/task").Length, Directory.GetFiles($"/proc/{process}/fd").Length);

        public static TimeSpan ProcessorTime(int process)
        {
            using var found = Process.GetProcessById(process);
            return found.TotalProcessorTime;
        }

        public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{At.TotalMinutes:F1} min {ResidentMegabytes:F0} MB {Threads} threads {Files} files");
    }
}
