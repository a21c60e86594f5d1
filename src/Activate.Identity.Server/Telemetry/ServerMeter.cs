using System.Diagnostics;
using System.Diagnostics.Metrics;
using Activate.Identity.Server.Accounts;
using Activate.Identity.Server.Keys;
using Activate.Identity.Server.Web;

namespace Activate.Identity.Server.Telemetry;

/// <summary>
/// Everything that the server measures of itself, in one place: docs/operations.md has the table. Labels are words of ours, from short lists, never what somebody sent or who somebody is. What nobody
/// listens to costs a look at a field; what somebody does allocates nothing: labels are made once.
/// </summary>
public sealed class ServerMeter
{
    /// <summary>Of the meter and of the activity source.</summary>
    public const string Name = "Activate.Identity";

    /// <summary>Our own spans, below those of ASP.NET Core.</summary>
    public static readonly ActivitySource Activities = new(Name);

    private static readonly KeyValuePair<string, object?> s_accepted = new("outcome", "accepted"), s_refused = new("outcome", "refused");

    private readonly Counter<long> _checks;
    private readonly Counter<long> _issued;
    private readonly Counter<long> _refusals;
    private readonly Histogram<double> _hashWait;

    public ServerMeter(IMeterFactory meters)
    {
        Meter = meters.Create(Name);
        _checks = Meter.CreateCounter<long>("activate.identity.credential.checks", "{check}", "Credentials that were checked, by kind and outcome.");
        _issued = Meter.CreateCounter<long>("activate.identity.credentials.issued", "{credential}", "Tokens and keys that were issued, by grant.");
        _refusals = Meter.CreateCounter<long>("activate.identity.refusals", "{refusal}", "Requests that were refused, by surface and error.");
        _hashWait = Meter.CreateHistogram("activate.identity.password_hash.wait", "s", "How long a password waited for its turn to be hashed.",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] });
        MailWaiting = Meter.CreateGauge<long>("activate.identity.mail.waiting", "{mail}", "Mails that wait to be sent, of all nodes.");
    }

    /// <summary>The queue of mails, which is the database's: read now and then, while somebody listens.</summary>
    public Gauge<long> MailWaiting { get; }

    internal Meter Meter { get; }

    internal void Checked(Credential kind, bool accepted) => _checks.Add(1, kind.Label, accepted ? s_accepted : s_refused);

    internal void Issued(Grant grant) => _issued.Add(1, grant.Label);

    /// <param name="surface">Where.</param>
    /// <param name="error">A stable code of ours or of OAuth.</param>
    internal void Refused(Surface surface, string error)
    {
        if (_refusals.Enabled)
            _refusals.Add(1, surface.Label, new("error", IsCode(error) ? error : "other"));
    }

    internal void HashWaited(TimeSpan time) => _hashWait.Record(time.TotalSeconds);

    /// <summary>What stands somewhere in memory, and is read when somebody asks.</summary>
    internal void Observe(SigningKeys keys, WriteQueue writes, PasswordGate passwords, TimeProvider clock)
    {
        Meter.CreateObservableGauge("activate.identity.write_queue.waiting", () => writes.Waiting, "{write}", "Writes that wait for a transaction (SQLite; other databases have none).");
        Meter.CreateObservableGauge("activate.identity.password_hash.waiting", () => passwords.Waiting, "{password}", "Passwords that wait for their turn to be hashed.");
        Meter.CreateObservableGauge("activate.identity.signing_key.age", () => keys.Newest().Select(key =>
            new Measurement<double>((clock.GetUtcNow().UtcDateTime - key.CreatedAt).TotalSeconds, new KeyValuePair<string, object?>("algorithm", key.Algorithm.Name))), "s", "Since the newest signing key was made.");
    }

    /// <summary>All codes are; if one ever were not, it could be anything.</summary>
    private static bool IsCode(string error) => error.Length <= 64 && error.AsSpan().IndexOfAnyExcept(s_codeCharacters) < 0;

    private static readonly System.Buffers.SearchValues<char> s_codeCharacters = System.Buffers.SearchValues.Create("abcdefghijklmnopqrstuvwxyz_0123456789");

    /// <summary>What was checked.</summary>
    internal sealed class Credential
    {
        public static readonly Credential ApiKey = new("api_key"), Token = new("token"), Password = new("password");

        private Credential(string word) => Label = new("kind", word);

        public KeyValuePair<string, object?> Label { get; }
    }

    /// <summary>How a credential came to be.</summary>
    internal sealed class Grant
    {
        public static readonly Grant AuthorizationCode = new("authorization_code"), RefreshToken = new("refresh_token"), ClientCredentials = new("client_credentials"), DeviceCode = new("device_code"),
            TokenExchange = new("token_exchange"), ApiKey = new("api_key"), ApiKeyRotation = new("api_key_rotation"), GeneratedToken = new("generated_token");

        private Grant(string word) => Label = new("grant", word);

        public KeyValuePair<string, object?> Label { get; }
    }

    /// <summary>Where somebody was refused.</summary>
    internal sealed class Surface
    {
        public static readonly Surface Api = new("api"), OAuth = new("oauth");

        private Surface(string word) => Label = new("surface", word);

        public KeyValuePair<string, object?> Label { get; }
    }
}
