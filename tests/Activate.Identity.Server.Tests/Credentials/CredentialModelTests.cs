using System.Net.Http;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Server.Tests.Connect;
using Activate.Identity.Server.Tests.SecondFactors;
using Activate.Identity.Testing;

namespace Activate.Identity.Server.Tests.Credentials;

/// <summary>
/// Random sequences of what people, applications, administrators and thieves do, beside a small model of who holds living credentials. After each step both are asked, on both nodes:
/// whatever is alive works, and nothing else does. The numbers of a run that fails are printed, and make the same run again.
/// </summary>
[Trait("Case", "B12")]
public sealed class CredentialModelTests(SharedNodesWithClock shared) : IClassFixture<SharedNodesWithClock>
{
    private const string Secret = "s3cret";
    private const int Checks = 8;

    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, Tools.FullSize ? 60 : 3)];

    /// <summary>Steps of one run.</summary>
    private static int Steps => Tools.FullSize ? 100 : 40;

    [Theory, MemberData(nameof(Seeds))]
    public async Task Server_and_model_agree_on_who_holds_what_lives(int seed)
    {
        var world = await World.NewAsync(shared.Server, seed);
        for (var step = 0; step < Steps; step++)
        {
            await world.StepAsync();
            await world.CompareAsync();
        }
    }

    /// <summary>Somebody, as the model knows them.</summary>
    private sealed class Person(User user)
    {
        public User User => user;

        public bool Disabled { get; set; }
    }

    /// <summary>A sign-in at an application: everything that came of it ends with it.</summary>
    private sealed class Grant(Person owner)
    {
        public Person Owner => owner;

        public bool Ended { get; set; }

        /// <summary>Oldest first; the last one is the one that counts.</summary>
        public List<string> RefreshTokens { get; } = [];

        public DateTime RefreshedAt { get; set; }
    }

    /// <summary>Something that authenticates a call.</summary>
    private sealed class Held(string kind, string secret, Person owner, DateTime end)
    {
        public string Kind => kind;

        public string Secret => secret;

        public Person Owner => owner;

        public string? Id { get; init; }

        public Grant? Grant { get; init; }

        public DateTime End { get; set; } = end;

        public bool Gone { get; set; }

        public bool Lives(DateTime now, bool suspended) => !Gone && End > now && !Owner.Disabled && Grant is not { Ended: true } && !(Grant is not null && suspended);

        public override string ToString() => $"{kind} of {owner.User.UserName} until {End:O}{(Gone ? ", gone" : "")}{(Grant is { Ended: true } ? ", its sign-in ended" : "")}";
    }

    private sealed class World(TestServer server, int seed, string client, User administrator, List<Person> people)
    {
#pragma warning disable CA5394 // The same numbers again for the same seed: these are no secrets.
        private readonly Random _chance = new(seed);
#pragma warning restore CA5394
        private readonly List<Held> _held = [];
        private readonly List<Grant> _grants = [];
        private readonly List<string> _story = [];
        private bool _suspended;
        private int _names;

        public static async Task<World> NewAsync(TestServer server, int seed)
        {
            var organization = await server.CreateOrganizationAsync($"model-{seed}-{Guid.NewGuid():N}"[..24]);
            var client = $"model-{seed}-{Guid.NewGuid():N}";
            await server.RegisterApplicationAsync(client, Secret, $"{server.Origin.GetLeftPart(UriPartial.Authority)}/api");
            var administrator = await server.CreateUserAsync($"m{Guid.NewGuid():N}"[..20], Role.Owner, organization.Id);
            var people = new List<Person>();
            for (var i = 0; i < 3; i++)
                people.Add(new Person(await server.CreateUserAsync($"m{Guid.NewGuid():N}"[..20], Role.Member, organization.Id)));
            return new World(server, seed, client, administrator, people);
        }

        private DateTime Now => server.Now;

        private int Node => Next(2);

        private int Next(int below) => _chance.Next(below);

        public async Task StepAsync()
        {
            var person = people[Next(people.Count)];
            var living = _held.Where(held => held.Owner == person && held.Lives(Now, _suspended)).ToList();
            var session = living.FirstOrDefault(held => held.Kind == "session");
            var grant = _grants.Where(grant => grant.Owner == person && !grant.Ended).OrderBy(_ => Next(1000)).FirstOrDefault();
            switch (Next(14))
            {
                case 0 when !person.Disabled:
                    Add("session", await server.GrantAsync(person.User.Id), person, Now.AddHours(24));
                    break;
                case 1 when session is not null:
                    var days = 1 + Next(3);
                    var key = await server.CreateApiKeyAsync(session.Secret, $"k{++_names}", new { name = $"k{_names}", expiresInDays = days }, Node);
                    Add("key", key.Key, person, Now.AddDays(days), key.Id);
                    break;
                case 2 when session is not null && Some(living, "key") is { } old:
                    if (_held.Any(held => held != old && held.Id == old.Id && held.Lives(Now, _suspended)))
                    {
                        // Two secrets of a key at most.
                        (await server.PostAsync($"{ApiCalls.KeysPath}/{old.Id}/rotate", session.Secret, new { overlapHours = 0 }, Node)).AssertProblem(409, "rotation_pending");
                        break;
                    }

                    var overlap = Next(3) * 12;
                    var rotated = await DoneAsync(HttpMethod.Post, $"{ApiCalls.KeysPath}/{old.Id}/rotate", session.Secret, new { overlapHours = overlap });
                    // What was rotated before has its own end, which does not move.
                    foreach (var secret in _held.Where(held => held.Id == old.Id && held.End > Now.AddHours(overlap)))
                        secret.End = Now.AddHours(overlap);
                    Add("key", rotated.Text("key"), person, rotated.Json.GetProperty("expiresAt").GetDateTime(), old.Id);
                    break;
                case 3 when session is not null && Some(living, "key") is { } key3:
                    await DoneAsync(HttpMethod.Delete, $"{ApiCalls.KeysPath}/{key3.Id}", session.Secret);
                    End(held => held.Id == key3.Id);
                    break;
                case 4 when session is not null:
                    var hours = 1 + Next(5);
                    var token = await DoneAsync(HttpMethod.Post, "/api/v1/tokens", session.Secret, new { name = $"t{++_names}", expiresInHours = hours });
                    Add("token", token.Text("token"), person, Now.AddHours(hours), token.Text("id"));
                    break;
                case 5 when session is not null && Some(living, "token") is { } token5:
                    await DoneAsync(HttpMethod.Delete, $"/api/v1/tokens/{token5.Id}", session.Secret);
                    End(held => held.Id == token5.Id);
                    break;
                case 6 when !person.Disabled && !_suspended:
                    using (var browser = await server.SignInAsync(person.User))
                        Take(new Grant(person), await server.ConnectAsync(browser, client, Secret));
                    break;
                case 7 when grant is not null && !person.Disabled && !_suspended:
                    Take(grant, await server.RefreshAsync(client, Secret, grant.RefreshTokens[^1], Node));
                    break;
                case 8 when grant is { RefreshTokens.Count: > 1 } && !person.Disabled && !_suspended && Now - grant.RefreshedAt > TimeSpan.FromSeconds(31):
                    // A thief comes with one that was used, long after.
                    Assert.Equal(400, (await server.RefreshAsync(client, Secret, grant.RefreshTokens[Next(grant.RefreshTokens.Count - 1)], Node)).Status);
                    grant.Ended = true;
                    break;
                case 9 when grant is not null:
                    // Also while its owner is disabled or the application suspended: it must not live again with them.
                    var either = Next(2) == 0 ? grant.RefreshTokens[^1] : _held.LastOrDefault(held => held.Grant == grant && held.End > Now)?.Secret ?? grant.RefreshTokens[^1];
                    Assert.Equal(200, (await server.PostFormAsync("/connect/revoke", [("token", either)], Node, TestServer.Basic(client, Secret))).Status);
                    grant.Ended = true;
                    break;
                case 10 when Some([.. _held.Where(held => held.Owner == person && held is { Kind: "key", Gone: false } && held.End > Now)], "key") is { } found:
                    // Whoever finds a key may end it.
                    Assert.Equal(200, (await server.PostFormAsync("/connect/revoke", [("token", found.Secret)], Node)).Status);
                    End(held => held.Id == found.Id);
                    break;
                case 11:
                    person.Disabled = !person.Disabled;
                    await DoneAsync(HttpMethod.Patch, $"/api/v1/organization/members/{person.User.Id}", await AdministratorAsync(), new { disabled = person.Disabled });
                    break;
                case 12 when Next(3) == 0:
                    await DoneAsync(HttpMethod.Post, $"/api/v1/organization/members/{person.User.Id}/revoke-credentials", await AdministratorAsync(), new { });
                    End(held => held.Owner == person);
                    _grants.Where(one => one.Owner == person).ToList().ForEach(one => one.Ended = true);
                    break;
                case 13 when Next(2) == 0:
                    _suspended = !_suspended;
                    await server.SuspendApplicationAsync(client, _suspended);
                    break;
                default:
                    _story.Add("nothing");
                    break;
            }

            _story.Add($"{Now:HH:mm:ss} {_held.Count} held, {_grants.Count} sign-ins, suspended {_suspended}, disabled {string.Join(' ', people.Where(one => one.Disabled).Select(one => one.User.UserName))}");
            // Other nodes feel an ending within a second; and time ends things, too.
            server.Clock!.Advance(Next(5) switch
            {
                0 => TimeSpan.FromSeconds(40),
                1 => TimeSpan.FromMinutes(25),
                2 when Next(4) == 0 => TimeSpan.FromHours(7),
                _ => TimeSpan.FromSeconds(1),
            });
        }

        public async Task CompareAsync()
        {
            foreach (var held in _held.OrderBy(_ => Next(1000)).Take(Checks).ToList())
            {
                var (lives, answer) = (held.Lives(Now, _suspended), await server.GetAsync("/api/v1/me", held.Secret, Node));
                Assert.True(answer.Status == (lives ? 200 : 401), $"seed {seed}: {held} {(lives ? "lives" : "is dead")} at {Now:O}, and the server says {answer.Status}\n{string.Join('\n', _story)}");
                if (lives)
                    Assert.Equal(held.Owner.User.UserName, answer.Text("username"));
            }
        }

        private void Add(string kind, string secret, Person owner, DateTime end, string? id = null, Grant? grant = null)
        {
            _story.Add($"{kind} for {owner.User.UserName} until {end:O}");
            _held.Add(new Held(kind, secret, owner, end) { Id = id, Grant = grant });
        }

        private void Take(Grant grant, Answer answer)
        {
            Assert.True(answer.Status == 200, $"seed {seed}: {answer}\n{string.Join('\n', _story)}");
            if (!_grants.Contains(grant))
                _grants.Add(grant);
            grant.RefreshTokens.Add(answer.Text("refresh_token"));
            grant.RefreshedAt = Now;
            Add("access token", answer.Text("access_token"), grant.Owner, Now.AddSeconds(answer.Json.GetProperty("expires_in").GetInt32()), grant: grant);
        }

        private void End(Func<Held, bool> which)
        {
            foreach (var held in _held.Where(which))
                held.Gone = true;
        }

        private Held? Some(List<Held> living, string kind) => living.Where(held => held.Kind == kind).OrderBy(_ => Next(1000)).FirstOrDefault();

        private Task<string> AdministratorAsync() => server.GrantAsync(administrator.Id);

        private async Task<Answer> DoneAsync(HttpMethod method, string path, string bearer, object? body = null)
        {
            var answer = await server.ApiAsync(method, path, bearer, body, Node);
            Assert.True(answer.Status is 200 or 201 or 204, $"seed {seed}: {method} {path}: {answer}\n{string.Join('\n', _story)}");
            return answer;
        }
    }
}
