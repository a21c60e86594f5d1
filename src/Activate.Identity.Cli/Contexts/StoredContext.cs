using System.Text.Json.Serialization;

namespace Activate.Identity.Cli.Contexts;

/// <summary>A sign-in as it is kept: one server, one credential. Nothing in it depends on the host, because many hosts share one home directory.</summary>
internal sealed record StoredContext
{
    public const int CurrentVersion = 1;
    public const string Session = "session";
    public const string Token = "token";
    public const string ApiKey = "apiKey";

    public int Version { get; init; } = CurrentVersion;
    public required string Server { get; init; }

    /// <summary><c>session</c> (a login, with a code or in the browser), <c>token</c> or <c>apiKey</c>.</summary>
    public required string Kind { get; init; }

    /// <summary>The secret itself.</summary>
    public required string Credential { get; init; }

    public string? CredentialId { get; init; }
    public string? CredentialName { get; init; }
    public string? Username { get; init; }
    public string? Organization { get; init; }
    public string[]? Scopes { get; init; }
    public DateTimeOffset? ExpiresAt { get; init; }
    public DateTimeOffset SavedAt { get; init; }

    [JsonIgnore]
    public string KindInWords => Words(Kind);

    public static string Words(string? kind) => kind switch
    {
        Session => "device login",
        Token => "generated token",
        ApiKey => "API key",
        null => "unknown",
        _ => kind,
    };

    /// <summary>Never the secret.</summary>
    public override string ToString() => $"{Kind} of {Username} at {Server}";
}

[JsonSourceGenerationOptions(System.Text.Json.JsonSerializerDefaults.Web, WriteIndented = true, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(StoredContext))]
internal sealed partial class ContextJson : JsonSerializerContext;
