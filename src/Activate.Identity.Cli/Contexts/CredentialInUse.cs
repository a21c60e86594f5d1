using Activate.Identity.Cli.Output;
using Activate.Identity.Cli.Servers;
using Activate.Identity.Core.ApiKeys;

namespace Activate.Identity.Cli.Contexts;

/// <summary>
/// The credential a command is to use, and the only server it may be sent to. An option beats the environment, which beats the current context:
/// <code>
///  --context NAME                     that context (ACTID_* do not count)
///  ACTID_API_KEY | ACTID_TOKEN        that secret, at the server it names itself
///  ACTID_CONTEXT                      that context
///  --server | ACTID_SERVER            the current context if it is at this server, else the one named after the server
///  otherwise                          the current context
/// </code>
/// Whatever way it was found: the secret's own server must be the server named, and reached by https or on this machine. Otherwise nothing is sent.
/// </summary>
internal sealed record CredentialInUse(Uri Server, string Secret, string Kind, string Source, string? ContextName, StoredContext? Context)
{
    public DateTimeOffset? ExpiresAt => Context?.ExpiresAt ?? (Kind == StoredContext.ApiKey ? null : AccessToken.Read(Secret)?.ExpiresAt);

    public static CredentialInUse Choose(Call call)
    {
        var found = Find(call);
        ServerAddress.RequireSecure(found.Server);
        if (found.ExpiresAt is { } end && end <= call.Now)
            throw Failure.NotSignedIn($"The {StoredContext.Words(found.Kind)} of {found.Source} ended {Times.Full(end, call.Now)}.", "Sign in again: actid auth login");
        return found;
    }

    /// <summary>The server that was named, by option or environment. With --context the environment does not count.</summary>
    public static Uri? NamedServer(Call call) =>
        call.ServerOption is { } option ? ServerAddress.Parse(option, "--server")
        : call.ContextOption is null && call.Around.Setting("ACTID_SERVER") is { } variable ? ServerAddress.Parse(variable, "ACTID_SERVER")
        : null;

    /// <summary>A secret that was handed in: from the environment or from stdin.</summary>
    public static CredentialInUse OfSecret(string text, string source, string kind, Uri? named)
    {
        var secret = text.Trim();
        if (secret.Length == 0)
            throw Failure.Usage($"There is no {StoredContext.Words(kind)} in {source}.");
        // What is not printable ASCII can be neither, and must not get into a header.
        if (secret.Length > 16_384 || secret.Any(c => c is <= ' ' or > '~'))
            throw Failure.Usage($"What {source} holds is no {StoredContext.Words(kind)}: it has blanks, line breaks or other characters inside.");
        var isKey = ApiKeySecret.LooksLikeKey(secret);
        if (isKey && kind != StoredContext.ApiKey)
            throw Failure.Usage($"What {source} holds is an API key, not a token. Use 'actid auth apikey' or ACTID_API_KEY for it.");
        if (kind == StoredContext.ApiKey && !isKey)
            throw Failure.Usage($"What {source} holds is no API key: those begin with {ApiKeySecret.Prefix}.");
        var own = OwnServer(secret) ?? throw Failure.Usage(isKey
            ? $"The API key in {source} is mistyped or cut off: its checksum is wrong."
            : $"The token in {source} does not name its server, so it is none of Activate.Identity. Nothing was sent.");
        RequireOwn(own, named, $"The {StoredContext.Words(kind)} of {source}");
        ServerAddress.RequireSecure(own);
        return new CredentialInUse(own, secret, kind, source, null, null);
    }

    /// <summary>The server that a key or token belongs to by its own words.</summary>
    public static Uri? OwnServer(string secret) => ApiKeySecret.LooksLikeKey(secret)
        ? ApiKeySecret.TryGetOrigin(secret, out var origin) ? origin : null
        : AccessToken.Read(secret)?.Server;

    public override string ToString() => $"{Kind} from {Source}";

    private static CredentialInUse Find(Call call)
    {
        var (key, token) = (call.Around.Setting("ACTID_API_KEY"), call.Around.Setting("ACTID_TOKEN"));
        if (key is not null && token is not null)
            throw Failure.Usage("ACTID_API_KEY and ACTID_TOKEN are both set: unset one of them.");
        var named = NamedServer(call);
        if (call.ContextOption is null && (key ?? token) is { } secret)
            return OfSecret(secret, key is null ? "ACTID_TOKEN" : "ACTID_API_KEY", key is null ? StoredContext.Token : StoredContext.ApiKey, named);

        var asked = call.ContextOption ?? call.Around.Setting("ACTID_CONTEXT");
        if (asked is not null)
        {
            return OfContext(asked, call.Contexts.Read(asked)
                ?? throw Failure.NotSignedIn($"Not signed in: there is no context '{asked}'.", $"Sign in: actid auth login --context {asked}", "See what there is: actid context list"), named);
        }

        var current = call.Contexts.Current;
        var context = current is null ? null : call.Contexts.Read(current);
        if (named is not null && (context is null || !ServerAddress.Same(ServerOf(context), named)))
        {
            var name = ServerAddress.ContextName(named);
            if (call.Contexts.Read(name) is { } other)
                return OfContext(name, other, named);
            if (context is null)
                throw Failure.NotSignedIn($"Not signed in at {ServerAddress.Origin(named)}.", $"Sign in: actid auth login --server {ServerAddress.Origin(named)}");
        }

        return context is null
            ? throw Failure.NotSignedIn("Not signed in.", "Sign in: actid auth login --server URL")
            : OfContext(current!, context, named);
    }

    private static CredentialInUse OfContext(string name, StoredContext context, Uri? named)
    {
        var server = ServerOf(context);
        // Both must agree: a context file that was changed to another server must not carry the secret there.
        RequireOwn(OwnServer(context.Credential) ?? server, server, $"The {context.KindInWords} in the context '{name}'");
        RequireOwn(server, named, $"The {context.KindInWords} of the context '{name}'");
        return new CredentialInUse(server, context.Credential, context.Kind, $"the context '{name}'", name, context);
    }

    private static Uri ServerOf(StoredContext context) => ServerAddress.Parse(context.Server, "The server of the context");

    private static void RequireOwn(Uri own, Uri? named, string what)
    {
        if (named is not null && !ServerAddress.Same(own, named))
        {
            throw Failure.Usage($"{what} belongs to {ServerAddress.Origin(own)}, not to {ServerAddress.Origin(named)}, so nothing was sent.",
                $"Sign in there: actid auth login --server {ServerAddress.Origin(named)}");
        }
    }
}
