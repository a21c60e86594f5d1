using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Activate.Identity.Core.SshCertificates;

/// <summary>Writes the data types of RFC 4251 §5.</summary>
internal sealed class SshWriter
{
    private readonly ArrayBufferWriter<byte> _written = new();

    public ReadOnlySpan<byte> Written => _written.WrittenSpan;

    public SshWriter Raw(ReadOnlySpan<byte> bytes)
    {
        _written.Write(bytes);
        return this;
    }

    /// <summary>A string: its length, and its bytes.</summary>
    public SshWriter Bytes(ReadOnlySpan<byte> bytes) => Number((uint)bytes.Length).Raw(bytes);

    public SshWriter Text(string text) => Bytes(Encoding.UTF8.GetBytes(text));

    /// <summary>A string that holds what is written into it.</summary>
    public SshWriter Nested(Func<SshWriter, SshWriter> content) => Bytes(content(new SshWriter()).Written);

    public SshWriter Number(uint number)
    {
        BinaryPrimitives.WriteUInt32BigEndian(_written.GetSpan(sizeof(uint)), number);
        _written.Advance(sizeof(uint));
        return this;
    }

    public SshWriter Number(ulong number)
    {
        BinaryPrimitives.WriteUInt64BigEndian(_written.GetSpan(sizeof(ulong)), number);
        _written.Advance(sizeof(ulong));
        return this;
    }

    /// <summary>An mpint: a positive number without needless zeros, but with one before a first bit that would make it negative.</summary>
    public SshWriter Positive(ReadOnlySpan<byte> number)
    {
        number = number.TrimStart((byte)0);
        return number.IsEmpty || number[0] < 0x80 ? Bytes(number) : Number((uint)number.Length + 1).Raw([0]).Raw(number);
    }
}
