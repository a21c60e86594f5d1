using System.Collections.Concurrent;
using System.Globalization;
using Activate.Identity.Core.ApiKeys;
using Activate.Identity.EndToEnd.Tests.Web;
using Activate.Identity.Testing;

namespace Activate.Identity.EndToEnd.Tests.Faults;

/// <summary>
/// What the server has acknowledged: keys and short-term tokens that live, and that ended; SSH keys, people, applications, clusters that were made, changed and deleted. What was asked and not answered may
/// be either way, and is struck out.
/// </summary>
internal sealed class Ledger(HttpClient client, string session)
{
    private const int Workers = 4;
    private const int LivingEach = 12;

    /// <summary>Key or token → its address.</summary>
    private readonly ConcurrentDictionary<string, string> _living = new();
    private readonly ConcurrentQueue<string> _ended = new();

    /// <summary>The address of anything else → its name; null: it was deleted.</summary>
    private readonly ConcurrentDictionary<string, string?> _things = new();
    private readonly ConcurrentQueue<string> _touched = new();
    private readonly List<string>[] _ofWorker = [.. Enumerable.Range(0, Workers).Select(_ => new List<string>())];
    private int _names;
    private int _acknowledged;

    public int Acknowledged => _acknowledged;

    public int Living => _living.Count;

    public int Things => _things.Count;

    /// <summary>Makes, rotates and ends keys and tokens, uses them, makes, renames and deletes other things, until it is told to stop, whatever becomes of the server.</summary>
    public Task WorkAsync(CancellationToken stop) => Task.WhenAll(Enumerable.Range(0, Workers).Select(worker => Task.Run(() => WorkAsync(_ofWorker[worker], stop), CancellationToken.None)));

    /// <summary>
    /// Every acknowledged key that lives is accepted, and of those that ended none: the last and some of the others. Everything else is as it was acknowledged: the last that was touched, and some of the
    /// others.
    /// </summary>
    public async Task AssertKeptAsync(int latest = 150)
    {
        var last = _touched.TakeLast(latest).ToHashSet();
        foreach (var chunk in _things.Where(thing => last.Contains(thing.Key) || Random.Shared.Next(_things.Count) < latest).Chunk(8))
        {
            foreach (var ((path, name), answer) in await Task.WhenAll(chunk.Select(async thing => (thing, await ServerProcess.SendAsync(client, HttpMethod.Get, thing.Key, session)))))
                Assert.True(name is null ? answer.Status == 404 : answer.Status == 200 && answer.Body.Contains($"\"{name}\"", StringComparison.Ordinal), $"{path}, acknowledged as {name ?? "deleted"}: {answer}");
        }

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

    /// <summary>A copy of the keys that live and that ended by now, to be held against a copy of the database.</summary>
    public (string[] Living, string[] Ended) Snapshot() => ([.. _living.Where(living => IsKey(living.Value)).Select(living => living.Key)], [.. _ended.Where(ended => ended.StartsWith(ApiKeySecret.Prefix, StringComparison.Ordinal))]);

    private async Task WorkAsync(List<string> own, CancellationToken stop)
    {
        var random = Random.Shared;
        while (!stop.IsCancellationRequested)
        {
            var key = own.Count == 0 ? "" : own[random.Next(own.Count)];
            try
            {
                switch (own.Count == 0 ? 0 : own.Count >= LivingEach ? 3 : random.Next(8))
                {
                    case 0:
                        Add(own, "/api/v1/api-keys", "key", await ServerProcess.SendAsync(client, HttpMethod.Post, "/api/v1/api-keys", session, new { name = NextName("key") }));
                        break;
                    case 1:
                        Add(own, "/api/v1/tokens", "token", await ServerProcess.SendAsync(client, HttpMethod.Post, "/api/v1/tokens", session, new { name = NextName("token"), expiresInHours = 1 }));
                        break;
                    case 2:
                        await RotateAsync(own, key);
                        break;
                    case 3:
                        await EndAsync(own, key);
                        break;
                    case 4 or 5 when _things.Count(thing => thing.Value is not null) < 2 * LivingEach:
                        await MakeAsync(random.Next(4));
                        break;
                    case 4 or 5 or 6:
                        await ChangeAsync(random);
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
        var path = StrikeOut(own, key);
        if (!IsKey(path))
        {
            await EndAsync(path, key);
            return;
        }

        if (Add(own, "/api/v1/api-keys", "key", await ServerProcess.SendAsync(client, HttpMethod.Post, $"{path}/rotate", session, new { overlapHours = 0 }), 200))
            _ended.Enqueue(key);
    }

    private Task EndAsync(List<string> own, string key) => EndAsync(StrikeOut(own, key), key);

    private async Task EndAsync(string path, string key)
    {
        if (Done(await ServerProcess.SendAsync(client, HttpMethod.Delete, path, session), 204))
            _ended.Enqueue(key);
    }

    private async Task MakeAsync(int what)
    {
        var name = NextName("n");
        var (path, body) = what switch
        {
            0 => ("/api/v1/organization/members", new { username = name, email = $"{name}@example.test", role = "member" }),
            1 => ("/api/v1/ssh-keys", new { name, publicKey = SshLines.New() }),
            2 => ("/api/v1/organization/clusters", new { name, address = "login.example.test", access = new { mode = "everyone" } }),
            _ => ("/api/v1/organization/applications", (object)new { name, type = "web", redirectUris = new[] { TestServer.Callback }, grants = new[] { "authorization_code" }, scopes = new[] { "openid" } }),
        };
        var made = await ServerProcess.SendAsync(client, HttpMethod.Post, path, session, body);
        // What was struck out may live, and counts for the limits.
        if (made.Error?.StartsWith("too_many", StringComparison.Ordinal) != true && Done(made, 201))
            Note($"{path}/{made.Text("id")}", name);
    }

    /// <summary>Renames or deletes something; people keep their names.</summary>
    private async Task ChangeAsync(Random random)
    {
        var things = _things.Where(thing => thing.Value is not null).ToArray();
        if (things.Length == 0 || things[random.Next(things.Length)] is var (path, _) && !_things.TryRemove(path, out _))
            return;
        var name = things.Length > LivingEach || path.Contains("/members/", StringComparison.Ordinal) ? null : NextName("n");
        var changed = await ServerProcess.SendAsync(client, name is null ? HttpMethod.Delete : HttpMethod.Patch, path, session, name is null ? null : new { name });
        if (Done(changed, name is null ? 204 : 200))
            Note(path, name);
    }

    private void Note(string path, string? name)
    {
        _things[path] = name;
        _touched.Enqueue(path);
    }

    private static bool IsKey(string path) => path.StartsWith("/api/v1/api-keys/", StringComparison.Ordinal);

    private string StrikeOut(List<string> own, string key)
    {
        own.Remove(key);
        _living.TryRemove(key, out var path);
        return path!;
    }

    private bool Add(List<string> own, string path, string field, Answer answer, int status = 201)
    {
        if (!Done(answer, status))
            return false;
        var key = answer.Text(field);
        _living[key] = $"{path}/{answer.Text("id")}";
        own.Add(key);
        return true;
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
