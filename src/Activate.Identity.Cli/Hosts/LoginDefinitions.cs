using System.Globalization;

namespace Activate.Identity.Cli.Hosts;

/// <summary>The host's /etc/login.defs (login.defs(5)).</summary>
internal static class LoginDefinitions
{
    private const string Standard = "/etc/login.defs";
    private const uint UsualMinimum = 1000;

    /// <summary>UID_MIN: the smallest number of an account that belongs to a person; 1000 where it is not said.</summary>
    public static uint UidMinimum(string path = Standard)
    {
        if (!File.Exists(path))
            return UsualMinimum;
        var said = UsualMinimum;
        foreach (var line in File.ReadLines(path))
        {
            if (line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries) is ["UID_MIN", var number, ..]
                && uint.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var minimum))
                said = minimum;
        }

        return said;
    }
}
