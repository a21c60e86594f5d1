using System.Buffers;
using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;

namespace Activate.Identity.Core.Devices;

/// <summary>
/// The code a device polls with (RFC 8628 §3.2): base64url of the id of its request (16 bytes) and 256 random bits. The id finds the row, without an index over random values, which would cost a page of
/// its own for each request; what proves is the SHA-256 of the whole code.
/// </summary>
public sealed class DeviceCode
{
    private const int IdLength = 16;
    private const int BytesLength = IdLength + 32;
    private const int Length = BytesLength / 3 * 4;

    private readonly string _value;

    private DeviceCode(Guid id, string value) => (Id, _value, Hash) = (id, value, SHA256.HashData(Encoding.ASCII.GetBytes(value)));

    /// <summary>Of the request.</summary>
    public Guid Id { get; }

    /// <summary>SHA-256 of the code, the only thing of it that is stored.</summary>
    public byte[] Hash { get; }

    /// <summary>A new code for a request.</summary>
    public static DeviceCode Generate(Guid id)
    {
        Span<byte> bytes = stackalloc byte[BytesLength];
        id.TryWriteBytes(bytes, bigEndian: true, out _);
        RandomNumberGenerator.Fill(bytes[IdLength..]);
        return new DeviceCode(id, Base64Url.EncodeToString(bytes));
    }

    /// <summary>Reads a code that has the form; whether it is one of ours its hash says.</summary>
    public static bool TryParse(string? text, [NotNullWhen(true)] out DeviceCode? code)
    {
        code = null;
        Span<byte> bytes = stackalloc byte[BytesLength];
        if (text?.Length != Length || Base64Url.DecodeFromChars(text, bytes, out _, out var length) != OperationStatus.Done || length != BytesLength)
            return false;
        code = new DeviceCode(new Guid(bytes[..IdLength], bigEndian: true), text);
        return true;
    }

    /// <summary>The whole code. Call it where it is handed to its device, and nowhere else.</summary>
    public string Reveal() => _value;

    /// <summary>Never the secret.</summary>
    public override string ToString() => $"device code of {Id}";
}
