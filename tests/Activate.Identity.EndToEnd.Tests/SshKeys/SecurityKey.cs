using System.Buffers.Binary;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using NSec.Cryptography;

namespace Activate.Identity.EndToEnd.Tests.SshKeys;

/// <summary>
/// A security key in an SSH agent of its own: it signs as FIDO2 devices do (PROTOCOL.u2f of OpenSSH) and says that somebody touched it. OpenSSH's own client and sshd do the rest.
/// </summary>
internal sealed class SecurityKey : IAsyncDisposable
{
    private const string Application = "ssh:";
    private const byte Touched = 0x01;
    private const uint Counter = 7;
    private const byte RequestIdentities = 11, IdentitiesAnswer = 12, SignRequest = 13, SignResponse = 14, Failure = 5;
    private readonly string _type;
    private readonly byte[] _blob;
    private readonly Func<byte[], byte[]> _sign;
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly Task _serving;

    private SecurityKey(string folder, string type, byte[] blob, Func<byte[], byte[]> sign)
    {
        (_type, _blob, _sign) = (type, blob, sign);
        AgentSocket = Path.Combine(folder, $"agent-{Guid.NewGuid():N}"[..14]);
        _listener.Bind(new UnixDomainSocketEndPoint(AgentSocket));
        _listener.Listen();
        _serving = ServeAsync();
    }

    public string AgentSocket { get; }

    /// <summary>As in a .pub file.</summary>
    public string PublicKey => $"{_type} {Convert.ToBase64String(_blob)} token";

    public static SecurityKey Ed25519(string folder)
    {
        const string Type = "sk-ssh-ed25519@openssh.com";
        var key = Key.Create(SignatureAlgorithm.Ed25519);
        return new(folder, Type, Strings(Utf8(Type), key.PublicKey.Export(KeyBlobFormat.RawPublicKey), Utf8(Application)), data => SignatureAlgorithm.Ed25519.Sign(key, data));
    }

    public static SecurityKey Ecdsa(string folder)
    {
        const string Type = "sk-ecdsa-sha2-nistp256@openssh.com";
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var point = key.ExportParameters(false).Q;
        return new(folder, Type, Strings(Utf8(Type), Utf8("nistp256"), [4, .. point.X!, .. point.Y!], Utf8(Application)), data =>
        {
            var signature = key.SignData(data, HashAlgorithmName.SHA256);
            return Strings(Number(signature.AsSpan(0, 32)), Number(signature.AsSpan(32)));
        });
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Dispose();
        await _serving;
        File.Delete(AgentSocket);
    }

    private async Task ServeAsync()
    {
        while (true)
        {
            try
            {
                using var client = await _listener.AcceptAsync();
                await using var stream = new NetworkStream(client);
                while (await ReadAsync(stream) is { } request)
                    await stream.WriteAsync(Strings(Answer(request)));
            }
            catch (Exception error) when (error is SocketException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    private static async Task<byte[]?> ReadAsync(Stream stream)
    {
        var length = new byte[4];
        if (await stream.ReadAtLeastAsync(length, 4, throwOnEndOfStream: false) < 4)
            return null;
        var message = new byte[BinaryPrimitives.ReadUInt32BigEndian(length)];
        await stream.ReadExactlyAsync(message);
        return message;
    }

    private byte[] Answer(byte[] request) => request[0] switch
    {
        RequestIdentities => [IdentitiesAnswer, .. Number(1), .. Strings(_blob, Utf8("token"))],
        SignRequest => [SignResponse, .. Strings(Signature(Strings(request.AsSpan(1))[1]))],
        _ => [Failure],
    };

    private byte[] Signature(byte[] data)
    {
        byte[] proof = [Touched, .. Number(Counter)];
        return [.. Strings(Utf8(_type), _sign([.. SHA256.HashData(Utf8(Application)), .. proof, .. SHA256.HashData(data)])), .. proof];
    }

    private static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);

    private static byte[] Number(uint value)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
        return bytes;
    }

    /// <summary>RFC 4251's mpint: no more bytes than it needs, and positive.</summary>
    private static byte[] Number(ReadOnlySpan<byte> value)
    {
        var bytes = value.TrimStart((byte)0);
        return bytes.Length > 0 && bytes[0] >= 0x80 ? [0, .. bytes] : bytes.ToArray();
    }

    private static byte[] Strings(params byte[][] parts) => [.. parts.SelectMany(part => (byte[])[.. Number((uint)part.Length), .. part])];

    /// <summary>The first two.</summary>
    private static byte[][] Strings(ReadOnlySpan<byte> message)
    {
        var first = (int)BinaryPrimitives.ReadUInt32BigEndian(message);
        var rest = message[(4 + first)..];
        return [message.Slice(4, first).ToArray(), rest.Slice(4, (int)BinaryPrimitives.ReadUInt32BigEndian(rest)).ToArray()];
    }
}
