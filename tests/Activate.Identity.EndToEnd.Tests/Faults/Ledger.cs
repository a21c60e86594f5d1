using System.Collections.Concurrent;
using System.Globalization;
using Activate.Identity.Testing;

namespace Activate.Identity.EndToEnd.Tests.Faults;

/// <summary>
/// What the server has acknowledged: keys that live, and keys that ended. What was asked and not answered may be either way, and is struck out.
/// </summary>
internal sealed class Ledger(HttpClient client, string session)
{
    private const int Workers = 4;
    private const int LivingEach = 12;

    /// <summary>Key → id.</summary>
    private readonly ConcurrentDictionary<string, string> _living = new();
    private readonly ConcurrentQueue<string> _ended = new();
    private readonly List<string>[] _ofWorker = [.. Enumerable.Range(0, Workers).Select(_ => new List<string>())];
    private int _names;
    private int _acknowledged;

    public int Acknowledged => _acknowledged;

    public int Living => _living.Count;

    /// <summary>Makes, rotates, renames and ends keys, uses them and invites people, until it is told to stop, whatever becomes of the server.</summary>
    public Task WorkAsync(CancellationToken stop) => Task.WhenAll(Enumerable.Range(0, Workers).Select(worker => Task.Run(() => WorkAsync(_ofWorker[worker], stop), CancellationToken.None)));

    /// <summary>Every acknowledged key that lives is accepted, and of those that ended none: the last and some of the others.</summary>
    public async Task AssertKeptAsync(int latest = 150)
    {
        foreach (var chunk in _living.Keys.Chunk(8))
        {
            foreach (var (key, status) in await Task.WhenAll(chunk.Select(async key => (key, await ServerProcess.StatusAsync(client, "/api/v1/me", key)))))
                Assert.True(status == 200, $"A key that was acknowledged is answered {status}.");
        }

        var ended = _ended.ToArray();
        foreach (var chunk in ended.TakeLast(latest).Concat(ended.SkipLast(latest).Where((_, i) => i % 97 == 0)).Chunk(8))
        {
            foreach (var status in await Task.WhenAll(chunk.Select(key => ServerProcess.StatusAsync(client, "/api/v1/me", key))))
                Assert.True(status == 401, $"A key that was ended is answered {status}.");
        }
    }

    /// <summary>A copy of what lives and what ended by now, to be held against a copy of the database.</summary>
    public (string[] Living, string[] Ended) Snapshot() => ([.. _living.Keys], [.. _ended]);

    private async Task WorkAsync(List<string> own, CancellationToken stop)
    {
        var random = Random.Shared;
        while (!stop.IsCancellationRequested)
        {
            var key = own.Count == 0 ? "" : own[random.Next(own.Count)];
            try
            {
                switch (own.Count == 0 ? 0 : own.Count >= LivingEach ? 3 : random.Next(6))
                {
                    case 0 or 1:
                        var made = await ServerProcess.SendAsync(client, HttpMethod.Post, "/api/v1/api-keys", session, new { name = NextName("key") });
                        if (Done(made, 201))
                            Add(own, made);
                        break;
                    case 2:
                        await RotateAsync(own, key);
                        break;
                    case 3:
                        await EndAsync(own, key);
                        break;
                    case 4:
                        Done(await ServerProcess.SendAsync(client, HttpMethod.Post, "/api/v1/organization/members", session, new { username = NextName("p"), email = $"{NextName("p")}@example.test", role = "member" }), 201);
                        break;
                    default:
                        Done(await ServerProcess.SendAsync(client, HttpMethod.Get, "/api/v1/me", key), 200);
                        break;
                }
            }
            catch (Exception exception) when (exception is HttpRequestException or IOException or TaskCanceledException)
            {
                // The server was killed: what was asked of it is neither here nor there.
                await Task.Delay(50, CancellationToken.None);
            }
        }
    }

    private async Task RotateAsync(List<string> own, string key)
    {
        var id = StrikeOut(own, key);
        var rotated = await ServerProcess.SendAsync(client, HttpMethod.Post, $"/api/v1/api-keys/{id}/rotate", session, new { overlapHours = 0 });
        if (!Done(rotated, 200))
            return;
        Add(own, rotated);
        _ended.Enqueue(key);
    }

    private async Task EndAsync(List<string> own, string key)
    {
        var id = StrikeOut(own, key);
        if (Done(await ServerProcess.SendAsync(client, HttpMethod.Delete, $"/api/v1/api-keys/{id}", session), 204))
            _ended.Enqueue(key);
    }

    private string StrikeOut(List<string> own, string key)
    {
        own.Remove(key);
        _living.TryRemove(key, out var id);
        return id!;
    }

    private void Add(List<string> own, Answer answer)
    {
        var key = answer.Text("key");
        _living[key] = answer.Text("id");
        own.Add(key);
    }

    private bool Done(Answer answer, int status)
    {
        // Busy is an answer, and means that nothing was done.
        if (answer.Status == 503)
            return false;
        Assert.True(answer.Status == status, answer.ToString());
        Interlocked.Increment(ref _acknowledged);
        return true;
    }

    private string NextName(string prefix) => string.Create(CultureInfo.InvariantCulture, $"{prefix}{Interlocked.Increment(ref _names)}");
}
