using System.Collections.Frozen;

namespace Activate.Identity.Core.Accounts;

/// <summary>Passwords, and the words that people pad with digits to make one, that lead every published list. Lower case.</summary>
internal static class CommonPasswords
{
    private static readonly FrozenSet<string> s_words = FrozenSet.ToFrozenSet([
        "password", "passw0rd", "p@ssword", "p@ssw0rd", "passwordpassword", "passphrase", "mypassword", "newpassword", "changeme", "changemenow", "changethis",
        "letmein", "letmeinnow", "welcome", "welcomehome", "welcometo", "administrator", "adminadmin", "administration", "superuser", "supervisor", "rootroot",
        "qwerty", "qwertyuiop", "qwertyqwerty", "qwertyuiopasdfghjkl", "qwerty123456", "asdfghjkl", "asdfghjklqwertyuiop", "zxcvbnm", "qazwsxedc", "qazwsx",
        "1q2w3e4r", "1q2w3e4r5t", "1q2w3e4r5t6y", "1qaz2wsx", "1qaz2wsx3edc", "1qaz2wsx3edc4rfv", "q1w2e3r4t5y6", "123456789012", "1234567890123",
        "123456781234", "123456123456", "123123123123", "112233445566", "0123456789", "01234567890", "012345678901", "987654321098", "098765432109",
        "123qweasdzxc", "qwe123qwe123", "abc123abc123", "abcdefghijkl", "abcdefghijklm", "abcdefghijklmnop", "abcd1234abcd", "abcdefg", "abcabcabcabc",
        "iloveyou", "iloveyouiloveyou", "iloveyouforever", "sunshine", "sunshinesunshine", "princess", "princessprincess", "football", "footballfootball",
        "baseball", "basketball", "superman", "supermansuperman", "batman", "spiderman", "starwars", "starwarsstarwars", "pokemon", "dragon", "dragondragon",
        "monkey", "monkeymonkey", "master", "mastermaster", "shadow", "shadowshadow", "michael", "jennifer", "jordan", "liverpool", "liverpoolfc", "manchester",
        "manchesterunited", "chelsea", "arsenal", "barcelona", "realmadrid", "computer", "computercomputer", "internet", "internetinternet", "samsung",
        "samsungsamsung", "google", "googlegoogle", "facebook", "facebookfacebook", "microsoft", "windows", "trustno", "trustnoone", "whatever",
        "whateverwhatever", "secret", "secretsecret", "topsecret", "nopassword", "thepassword", "thisismypassword", "testtesttest", "testing", "testpassword",
        "defaultpassword", "temppassword", "temporary", "default", "guest", "guestguest", "summer", "winter", "spring", "autumn", "company", "companyname",
        "supercomputer", "cluster", "parallelworks", "activate", "activateidentity", "correcthorsebatterystaple", "correct horse battery staple",
        "helloworld", "hello world", "hello world!", "hellohello", "hellohellohello", "blink182blink182", "loveyou", "lovelove", "lovelovelove", "godbless",
        "jesuschrist", "jesus", "freedom", "charlie", "charliecharlie", "andrew", "matthew", "daniel", "jessica", "ashley", "nicole", "babygirl",
        "pass", "admin", "root", "login", "user", "love", "hello", "test", "abcd", "asdf", "asdfgh", "zxcv", "zxcvbn", "qwer", "qwert",
        "unbelievable", "zaq12wsx", "zaq12wsxcde3", "!@#$%^&*()", "!@#$%^&*()_", "!@#$%^&*()_+",
    ]);

    public static bool Contains(string folded) => folded.Length > 0 && s_words.Contains(folded);
}
