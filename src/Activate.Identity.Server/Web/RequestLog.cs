using System.Diagnostics;
using System.Text.RegularExpressions;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Server.Telemetry;

namespace Activate.Identity.Server.Web;

/// <summary>
/// One line a request: method, path, status, time, address. Never a query string, a header or a body. Answers that are neither a change nor a
/// refusal are at Debug, so that checking a key costs no log line.
/// </summary>
internal sealed partial class RequestLog(RequestDelegate next, ILogger<RequestLog> logger)
{
    public async Task InvokeAsync(HttpContext context)
    {
        var start = Stopwatch.GetTimestamp();
        try
        {
            await next(context);
        }
        finally
        {
            var status = context.Response.StatusCode;
            if (Activity.Current is { IsAllDataRequested: true } span)
                RequestSpan.Describe(span, context);
            var level = status >= 500 ? LogLevel.Error
                : context.Features.Get<Routine>() is not null ? LogLevel.Debug
                : status >= 400 || IsChange(context.Request) ? LogLevel.Information
                : LogLevel.Debug;
            if (logger.IsEnabled(level))
            {
                Finished(level, context.Request.Method, Clean(context.Request.Path.Value), status,
                    Stopwatch.GetElapsedTime(start).TotalMilliseconds, context.Connection.RemoteIpAddress?.ToString(), context.TraceIdentifier);
            }
        }
    }

    /// <summary>Marks an answer that is neither a change nor a refusal, although its status looks like one.</summary>
    internal sealed class Routine
    {
        public static readonly Routine Instance = new();
    }

    /// <summary>Introspection and userinfo are POSTs that change nothing (RFC 7662 §2.1, OpenID Connect Core §5.3.1).</summary>
    private static bool IsChange(HttpRequest request) => !HttpMethods.IsGet(request.Method) && request.Path.Value is not ("/connect/introspect" or "/connect/userinfo");

    /// <summary>A path is attacker's text: no control, direction-changing or line-separating characters, no endless lines, and no credential that somebody put there.</summary>
    private static string Clean(string? path)
    {
        if (string.IsNullOrEmpty(path))
            return "/";
        path = Credential().Replace(path, "[credential]");
        path = path.Length > 200 ? path[..200] : path;
        return CredentialName.IsPrintable(path) ? path : string.Concat(path.Select(c => char.IsAscii(c) && !char.IsControl(c) ? c : '?'));
    }

    /// <summary>An API key, a JWT, or any other random text as long as our codes.</summary>
    [GeneratedRegex("pwt_[^/]*|eyJ[^/]*|[0-9A-Za-z_-]{43,}", RegexOptions.NonBacktracking)]
    private static partial Regex Credential();

    [LoggerMessage(Message = "{Method} {Path} {Status} {Milliseconds:0.0} ms from {Address} {TraceId}")]
    private partial void Finished(LogLevel level, string method, string path, int status, double milliseconds, string? address, string traceId);
}
