namespace Activate.Identity.Core.Credentials;

/// <summary>The kinds of credential of the contract. Exhaustive switches over it fail to compile when a kind is added.</summary>
public enum CredentialKind
{
    ApiKey = 1,
    /// <summary>A generated token, 1 to 24 hours.</summary>
    Token = 2,
    /// <summary>A device login or a connected application.</summary>
    Session = 3,
    SshKey = 4,
}

/// <summary>Why a credential ends when it does.</summary>
public enum ExpiresBecause
{
    Requested = 1,
    Default = 2,
    Policy = 3,
    Parent = 4,
    /// <summary>The policy ended it because nobody used it.</summary>
    Unused = 5,
}

public static class CredentialNames
{
    /// <summary>The contract's word for a kind, as in JSON.</summary>
    public static string Word(this CredentialKind kind) => kind switch
    {
        CredentialKind.ApiKey => "apiKey",
        CredentialKind.Token => "token",
        CredentialKind.Session => "session",
        CredentialKind.SshKey => "sshKey",
    };

    /// <summary>The contract's word for a kind, as in paths.</summary>
    public static string PathWord(this CredentialKind kind) => kind switch
    {
        CredentialKind.ApiKey => "api-keys",
        CredentialKind.Token => "tokens",
        CredentialKind.Session => "sessions",
        CredentialKind.SshKey => "ssh-keys",
    };

    /// <summary>The kind in words, for people.</summary>
    public static string Noun(this CredentialKind kind) => kind switch
    {
        CredentialKind.ApiKey => "API key",
        CredentialKind.Token => "token",
        CredentialKind.Session => "session",
        CredentialKind.SshKey => "SSH key",
    };

    /// <summary>Every kind, in the order of the contract.</summary>
    public static readonly IReadOnlyList<CredentialKind> Kinds = Enum.GetValues<CredentialKind>();

    /// <summary>The kind of a word, as in JSON or as in paths; null: there is none of that name.</summary>
    public static CredentialKind? KindOf(string? word)
    {
        foreach (var kind in Kinds)
        {
            if (kind.Word() == word || kind.PathWord() == word)
                return kind;
        }

        return null;
    }

    public static string Word(this ExpiresBecause reason) => reason switch
    {
        ExpiresBecause.Requested => "requested",
        ExpiresBecause.Default => "default",
        ExpiresBecause.Policy => "policy",
        ExpiresBecause.Parent => "parent",
        ExpiresBecause.Unused => "unused",
    };

    /// <summary>The state shown in lists: <c>active</c>, <c>expiring</c> (ends within 14 days, or a quarter of its life for shorter ones) or <c>expired</c>.</summary>
    public static string State(DateTime createdAt, DateTime? expiresAt, DateTime now)
    {
        if (expiresAt is not { } end)
            return "active";
        if (end <= now)
            return "expired";
        var warning = TimeSpan.FromTicks(Math.Min(ExpiryNotice.Ticks, (end - createdAt).Ticks / 4));
        return end - now <= warning ? "expiring" : "active";
    }

    /// <summary>How long an expired credential stays in the lists.</summary>
    public static readonly TimeSpan ListedAfterExpiry = TimeSpan.FromDays(90);

    /// <summary>How long before its end a credential is said to be expiring.</summary>
    public static readonly TimeSpan ExpiryNotice = TimeSpan.FromDays(14);
}
