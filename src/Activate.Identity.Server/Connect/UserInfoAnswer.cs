using Activate.Identity.Server.Credentials;

namespace Activate.Identity.Server.Connect;

/// <summary>What userinfo answers (OpenID Connect Core §5.3.2).</summary>
internal static class UserInfoAnswer
{
    /// <summary>Whether a credential is somebody's sign-in: no API key, nothing exchanged, and no application's own token.</summary>
    public static bool IsSignIn(Caller caller) => !caller.IsApplication && !caller.Exchanged && caller.Kind != Core.Credentials.CredentialKind.ApiKey;

    /// <param name="caller">A sign-in with the scope <c>openid</c>.</param>
    public static ReadOnlyMemory<byte> Of(Caller caller) => OAuthAnswers.Object(caller, static (json, caller) =>
    {
        foreach (var (name, value) in OwnerClaims.Of(caller).Told(caller.Scopes, caller.Claims, OwnerClaims.UserInfo).Concat(OwnerClaims.OfSignIn(caller.AuthenticatedAt, caller.AuthenticationMethods)))
        {
            switch (value)
            {
                case bool flag:
                    json.WriteBoolean(name, flag);
                    break;
                case long seconds:
                    json.WriteNumber(name, seconds);
                    break;
                case string[] values:
                    json.WriteStartArray(name);
                    foreach (var one in values)
                        json.WriteStringValue(one);
                    json.WriteEndArray();
                    break;
                default:
                    json.WriteString(name, (string)value);
                    break;
            }
        }
    });
}
