using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;

namespace Activate.Identity.Server.Web;

/// <summary>The code in a link that works once (setup, invitation): 256 random bits, stored as their SHA-256.</summary>
internal static class LinkCode
{
    public static string Generate() => Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));

    public static byte[] Hash(string code) => SHA256.HashData(Encoding.UTF8.GetBytes(code));

    public static bool HasForm([NotNullWhen(true)] string? code) => code is { Length: 43 };
}

/// <summary>
/// Where a page keeps the code of the link it was opened with: the first GET moves it from the address, where history and proxies see it, into a cookie.
/// </summary>
internal sealed class LinkCookie(string name, PublicOrigin origin)
{
    private static readonly TimeSpan s_lifetime = TimeSpan.FromMinutes(30);

    private readonly string _name = origin.IsHttps ? $"__Host-activate-{name}" : $"activate-{name}";

    public string? Read(HttpContext context) => context.Request.Cookies[_name];

    public void Keep(HttpContext context, string code)
    {
        var options = Options;
        options.MaxAge = s_lifetime;
        context.Response.Cookies.Append(_name, code.Length <= 64 ? code : "", options);
    }

    public void Forget(HttpContext context) => context.Response.Cookies.Delete(_name, Options);

    // Lax: the link may be opened from a chat or a web console, and the redirect after it must find the cookie.
    private CookieOptions Options => new() { HttpOnly = true, Secure = origin.IsHttps, SameSite = SameSiteMode.Lax, Path = "/", IsEssential = true };
}
