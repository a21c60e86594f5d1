using System.CommandLine;
using System.Text.Json;
using Activate.Identity.Cli.Output;
using Activate.Identity.Core;

namespace Activate.Identity.Cli.ApiKeys;

/// <summary>What a new API key may be asked to be, whether one's own or a service account's.</summary>
internal sealed class KeyOptions
{
    private readonly Option<int?> _days = new("--days") { Description = "After how many days it ends [default: what your organization's policy says]", HelpName = "N" };
    private readonly Option<bool> _endless = new("--no-expiration") { Description = "It never ends, where policy allows that" };
    private readonly Option<string[]> _scopes = new("--scope") { Description = "What it may do; may be repeated [default: platform credentials:read]", HelpName = "SCOPE" };
    private readonly Option<string[]> _addresses = Addresses();

    public KeyOptions() => _scopes.CompletionSources.Add([.. Scopes.ForKeys]);

    public IReadOnlyList<Option> All => [_days, _endless, _scopes, _addresses];

    public static Option<string[]> Addresses() => new("--allow-address")
    {
        Description = "Only from this IP address or range, such as 192.0.2.0/24; may be repeated [default: from everywhere]",
        HelpName = "RANGE",
    };

    public void Check(Command command) => command.Validators.Add(result =>
    {
        if (result.GetResult(_days) is { Implicit: false } && result.GetValue(_endless))
            result.AddError("--days and --no-expiration exclude each other.");
    });

    public void Write(Call call, Utf8JsonWriter json)
    {
        // Absent means the default of the policy, null means no end: three different wishes.
        if (call.Get(_endless))
            json.WriteNull("expiresInDays");
        else if (call.Get(_days) is { } wish)
            json.WriteNumber("expiresInDays", wish);
        Bodies.WriteList(json, "scopes", call.Get(_scopes));
        Bodies.WriteList(json, "allowedAddresses", call.Get(_addresses));
    }
}
