namespace Activate.Identity.Core.ApiKeys;

/// <summary>CRC-32 with the IEEE 802.3 polynomial, reflected (0xEDB88320), as in zlib. Here because Core takes no packages.</summary>
internal static class Crc32
{
    private static readonly uint[] s_table = MakeTable();

    /// <param name="text">ASCII.</param>
    public static uint Compute(ReadOnlySpan<char> text)
    {
        var table = s_table;
        var crc = 0xFFFFFFFFu;
        foreach (var c in text)
            crc = table[(byte)(crc ^ c)] ^ (crc >> 8);
        return ~crc;
    }

    private static uint[] MakeTable()
    {
        var table = new uint[256];
        for (var i = 0u; i < table.Length; i++)
        {
            var value = i;
            for (var bit = 0; bit < 8; bit++)
                value = (value & 1) == 1 ? (value >> 1) ^ 0xEDB88320u : value >> 1;
            table[i] = value;
        }

        return table;
    }
}
