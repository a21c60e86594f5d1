using Activate.Identity.Cli.Contexts;
using Activate.Identity.Cli.Servers;

namespace Activate.Identity.Cli.Login;

/// <summary>Ending a stored sign-in at its server.</summary>
internal static class Revocation
{
    /// <summary>
    /// A token that was issued to this client is revoked as RFC 7009 has it, which needs no scope. Another one is deleted through the API, as is one that
    /// could not be revoked.
    /// </summary>
    public static async Task EndAsync(Call call, CredentialInUse credential, CancellationToken cancellation)
    {
        if (credential.Kind == StoredContext.Session || AccessToken.Read(credential.Secret)?.ClientId == LoginRequest.ClientId)
        {
            try
            {
                await RevokeAsync(call, credential, cancellation);
                return;
            }
            catch (Failure) when (credential.Context?.CredentialId is not null)
            {
            }
        }

        using var api = call.Connect(credential);
        var collection = credential.Kind == StoredContext.Session ? "/sessions" : "/tokens";
        var id = credential.Context?.CredentialId ?? (await api.GetAsync("/me", ApiJson.Default.Me, cancellation)).Credential?.Id
            ?? throw Failure.Failed("the server does not say which credential this is");
        await api.DoAsync(HttpMethod.Delete, $"{collection}/{Uri.EscapeDataString(id)}", null, cancellation);
    }

    private static async Task RevokeAsync(Call call, CredentialInUse credential, CancellationToken cancellation)
    {
        using var wire = new Wire(credential.Server, call.Around.Time);
        var endpoints = await Discovery.ReadAsync(wire, cancellation);
        using var request = new HttpRequestMessage(HttpMethod.Post, endpoints.Revocation)
        {
            Content = new FormUrlEncodedContent(new Dictionary<string, string>
            {
                ["token"] = credential.Secret,
                ["token_type_hint"] = "access_token",
                ["client_id"] = LoginRequest.ClientId,
            }),
        };
        var answer = await wire.SendAsync(request, cancellation);
        if (!answer.Succeeded)
            throw Refusal.Of(answer, credential.Server);
    }
}
