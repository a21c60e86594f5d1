using System.Reflection;
using System.Security.Cryptography;

namespace Activate.Identity.Server.Web;

/// <summary>Stylesheet, scripts and icon, embedded and served under a path with their hash, so that browsers may keep them forever.</summary>
public static class Assets
{
    private static readonly Asset s_stylesheet = Load("site.css", "text/css; charset=utf-8");
    private static readonly Asset s_script = Load("site.js", "text/javascript; charset=utf-8");
    private static readonly Asset s_passkeys = Load("passkeys.js", "text/javascript; charset=utf-8");
    private static readonly Asset s_policy = Load("policy.js", "text/javascript; charset=utf-8");
    private static readonly Asset s_icon = Load("icon.svg", "image/svg+xml");
    private static readonly Asset s_favicon = Load("favicon.ico", "image/x-icon");

    public static string StylesheetPath => s_stylesheet.Path;

    public static string ScriptPath => s_script.Path;

    public static string PasskeysPath => s_passkeys.Path;

    public static string PolicyPath => s_policy.Path;

    public static string IconPath => s_icon.Path;

    public static void MapAssets(this IEndpointRouteBuilder endpoints)
    {
        foreach (var asset in new[] { s_stylesheet, s_script, s_passkeys, s_policy, s_icon })
        {
            endpoints.MapGet(asset.Path, (HttpContext context) =>
            {
                context.Response.Headers.CacheControl = "public, max-age=31536000, immutable";
                return Results.Bytes(asset.Content, asset.ContentType);
            }).AllowAnonymous().ExcludeFromDescription();
        }

        // Where browsers look that do not know SVG icons, or show what is no page of ours: JSON, an image, /docs.
        endpoints.MapGet("/favicon.ico", (HttpContext context) =>
        {
            context.Response.Headers.CacheControl = "public, max-age=86400";
            return Results.Bytes(s_favicon.Content, s_favicon.ContentType);
        }).AllowAnonymous().ExcludeFromDescription();
    }

    private static Asset Load(string name, string contentType)
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(name)
            ?? throw new InvalidOperationException($"The asset {name} is not embedded.");
        var content = new byte[stream.Length];
        stream.ReadExactly(content);
        return new Asset($"/assets/{Convert.ToHexStringLower(SHA256.HashData(content))[..16]}/{name}", contentType, content);
    }

    private sealed record Asset(string Path, string ContentType, byte[] Content);
}
