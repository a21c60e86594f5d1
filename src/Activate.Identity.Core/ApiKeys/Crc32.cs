namespace Activate.Identity.Core.ApiKeys;

/// <summary>
/// CRC-32 with the IEEE 802.3 polynomial, reflected (0xEDB88320), as in zlib. Here because Core takes no packages.
/// Four characters a step ("slicing-by-4"): table k holds what a byte becomes after k more bytes, so that the four look-ups do not wait for each other.
/// </summary>
internal static class Crc32
{
    private static readonly uint[] s_tables = MakeTables();

    /// <param name="text">ASCII.</param>
    public static uint Compute(ReadOnlySpan<char> text)
    {
        var tables = s_tables;
        var crc = 0xFFFFFFFFu;
        for (; text.Length >= 4; text = text[4..])
        {
            crc = tables[768 + (byte)(crc ^ text[0])] ^ tables[512 + (byte)((crc >> 8) ^ text[1])]
                ^ tables[256 + (byte)((crc >> 16) ^ text[2])] ^ tables[(byte)((crc >> 24) ^ text[3])];
        }

        foreach (var c in text)
            crc = tables[(byte)(crc ^ c)] ^ (crc >> 8);
        return ~crc;
    }

    private static uint[] MakeTables()
    {
        var tables = new uint[4 * 256];
        for (var i = 0u; i < 256; i++)
        {
            var value = i;
            for (var bit = 0; bit < 8; bit++)
                value = (value & 1) == 1 ? (value >> 1) ^ 0xEDB88320u : value >> 1;
            tables[i] = value;
        }

        for (var i = 256; i < tables.Length; i++)
            tables[i] = tables[(byte)tables[i - 256]] ^ (tables[i - 256] >> 8);
        return tables;
    }
}
