using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Activate.Identity.Testing;
using AngleSharp.Dom;

namespace Activate.Identity.Server.Tests.SecondFactors;

/// <summary>An authenticator in a few lines (WebAuthn §6.1, §6.5.2, ES256, attestation "none"): makes one passkey and signs with it, right or as told.</summary>
internal sealed class SoftAuthenticator : IDisposable
{
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly byte[] _id = RandomNumberGenerator.GetBytes(32);
    private string _userHandle = "";

    public uint Counter { get; set; }

    public bool UserVerified { get; set; } = true;

    /// <summary>Null: the site's.</summary>
    public string? Origin { get; set; }

    /// <summary>What navigator.credentials.create gives for the form on the page.</summary>
    public string Create(Browser browser)
    {
        using var options = Options(browser);
        Assert.Equal("required", options.RootElement.GetProperty("authenticatorSelection").GetProperty("userVerification").GetString());
        Assert.Equal("required", options.RootElement.GetProperty("authenticatorSelection").GetProperty("residentKey").GetString());
        _userHandle = options.RootElement.GetProperty("user").GetProperty("id").GetString()!;
        var point = _key.ExportParameters(false).Q;
        byte[] cose = [0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32, .. point.X!, 0x22, 0x58, 32, .. point.Y!];
        byte[] data = [.. Head(options.RootElement.GetProperty("rp").GetProperty("id").GetString()!, attested: true), .. new byte[16], 0, 32, .. _id, .. cose];
        byte[] attestation = [0xa3, 0x63, .. "fmt"u8, 0x64, .. "none"u8, 0x67, .. "attStmt"u8, 0xa0, 0x68, .. "authData"u8, 0x58, (byte)data.Length, .. data];
        return Credential(new { clientDataJSON = Text(ClientData("webauthn.create", options)), attestationObject = Text(attestation), transports = new[] { "internal" } });
    }

    /// <summary>What navigator.credentials.get gives for the form on the page.</summary>
    public string Get(Browser browser)
    {
        using var options = Options(browser);
        Assert.Equal("required", options.RootElement.GetProperty("userVerification").GetString());
        Counter++;
        var data = Head(options.RootElement.GetProperty("rpId").GetString()!, attested: false);
        var client = ClientData("webauthn.get", options);
        var signature = _key.SignData([.. data, .. SHA256.HashData(client)], HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);
        return Credential(new { clientDataJSON = Text(client), authenticatorData = Text(data), signature = Text(signature), userHandle = _userHandle });
    }

    public void Dispose() => _key.Dispose();

    private static JsonDocument Options(Browser browser) => JsonDocument.Parse(browser.Page.QuerySelector("form[data-passkey]")!.GetAttribute("data-options")!);

    private static string Text(byte[] bytes) => Base64Url.EncodeToString(bytes);

    private byte[] Head(string relyingParty, bool attested)
    {
        var head = new byte[37];
        SHA256.HashData(Encoding.UTF8.GetBytes(relyingParty)).CopyTo(head, 0);
        // User present; user verified; attested credential data.
        head[32] = (byte)(1 | (UserVerified ? 4 : 0) | (attested ? 0x40 : 0));
        BinaryPrimitives.WriteUInt32BigEndian(head.AsSpan(33), Counter);
        return head;
    }

    private byte[] ClientData(string type, JsonDocument options) => JsonSerializer.SerializeToUtf8Bytes(
        new { type, challenge = options.RootElement.GetProperty("challenge").GetString(), origin = Origin, crossOrigin = false });

    private string Credential(object response) => JsonSerializer.Serialize(
        new { id = Text(_id), rawId = Text(_id), type = "public-key", authenticatorAttachment = "platform", response, clientExtensionResults = new { } });
}
