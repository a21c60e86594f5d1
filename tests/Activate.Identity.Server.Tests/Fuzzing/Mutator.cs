using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Activate.Identity.Server.Tests.Fuzzing;

/// <summary>
/// Makes another request of one that is right: values replaced by what no program sends or by those of other requests, fields left out, doubled and renamed, bytes
/// flipped, methods and headers changed. The same seed makes the same requests of the same traffic.
/// </summary>
internal sealed class Mutator(Random random, IReadOnlyList<RecordedRequest> traffic)
{
    /// <summary>Percent-encoded, for queries, forms and paths.</summary>
    private static readonly string[] s_values =
    [
        "", "%00", "a%00b", "%ED%A0%80", "%FF%FE", "%C0%80", "%", "%zz", "%25", "%2525", "+", "%20", "%0D%0AX-Injected:%201", "..%2F..%2Fetc%2Fpasswd", "%2F%2Fevil.example", "'%20OR%201=1--", "%25_",
        "-1", "0", "00", "1.5", "1e400", "2147483648", "9223372036854775808", "-9223372036854775809", "%D9%A1%D9%A2", "1%20", "0x10", "NaN", "true", "null", "[]", "%7B%7D", "%5B%5B%5B", "undefined",
        "%E2%80%AE%E2%80%8B", "%F0%9F%92%A9", "%C4%B0", "%C3%9F", "openid%20openid", "%20openid", "openid%09platform", "https://%5B::1%5D/", "javascript:alert(1)", "data:,", "http://user@host:99999/",
        "00000000-0000-0000-0000-000000000000", "9999-12-31T23:59:59.9999999Z", "0001-01-01", "2026-02-30", "-P1D", "a=b&c=d", "%3D", "%26", "eyJhbGciOiJub25lIn0.e30.", "eyJ", "....", "pwt_", "Bearer%20x",
        "%7B%22userinfo%22:%7B%22acr%22:%7B%22essential%22:true,%22values%22:%5B1%5D%7D%7D%7D", new('a', 300), new('9', 400), string.Concat(Enumerable.Repeat("openid%20", 500)), string.Concat(Enumerable.Repeat("%F0%9F%92%A9", 200)),
    ];

    /// <summary>JSON texts.</summary>
    private static readonly string[] s_json =
    [
        "null", "true", "0", "-1", "1.5", "1e400", "-0", "2147483648", "9223372036854775808", "1e-400", "\"\"", "\" \"", "\"\\u0000\"", "\"\\ud800\"", "\"\\u202e\\u200b\"", "\"%00\"", "\"\\r\\nX-Injected: 1\"", "\"1\"", "[]", "[null]", "[[]]",
        "{}", "{\"\":null}", "{\"a\":{\"a\":{\"a\":{}}}}", "[1,\"a\",{}]", "\"9999-12-31T23:59:59.9999999Z\"", "\"0001-01-01T00:00:00Z\"", "\"2026-02-30\"", "\"00000000-0000-0000-0000-000000000000\"", "\"ssh-ed25519 AAAA\"",
        "\"ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAA\"", "\"javascript:alert(1)\"", "\"https://[::1]:99999/\"", "\"0.0.0.0/0\"", "\"::/129\"", "\"İßſ\"", "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"\",\"e\":\"AQAB\"}]}", "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":1}]}",
        $"\"{new string('a', 5_000)}\"", $"[{string.Join(',', Enumerable.Repeat("\"openid\"", 500))}]", $"{new string('[', 100)}{new string(']', 100)}",
    ];

    private static readonly string[] s_headers =
    [
        "", " ", "\u00ff\u00fe", "bytes=0-", "*", "*/*;q=2", "text/html, application/json;q=0", "application/json; charset=foo", "application/x-www-form-urlencoded; charset=utf-16", "multipart/form-data", "multipart/form-data; boundary=",
        "text/xml", "gzip, deflate, br;q=1e400", "\"", "W/\"", "\"a\", \"b\"", "Bearer", "Bearer  x", "bearer a b", "Basic", "Basic ====", "Basic Og==", "Basic 4pisOg==", "DPoP x", "Digest username=\"a\"", "activate=", "activate=%00; activate=b", "a=b; ; =; c",
        "Thu, 01 Jan 1970 00:00:00 GMT", "99999999999", "-1", "null", "https://evil.example", "evil.example:99999", "[::1", "1.2.3.4, 5.6.7.8", "for=\"[::1]\"", "for=\"", "en-US;q=x, tr", "00-00000000000000000000000000000000-0000000000000000-01", new('a', 4_000),
    ];

    private static readonly string[] s_names =
    [
        "Accept", "Accept-Language", "Accept-Encoding", "Authorization", "Content-Type", "Cookie", "Content-Encoding", "If-Match", "If-None-Match", "If-Modified-Since", "Origin", "Range", "Referer", "Sec-Fetch-Site", "User-Agent",
        "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-HTTP-Method-Override", "traceparent", "DPoP", "Forwarded",
    ];

    private static readonly string[] s_methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "get", "PROPFIND", "X"];

    /// <summary>What other requests say, percent-encoded: a code where a token belongs, the id of another thing.</summary>
    private readonly string[] _said = [.. traffic.SelectMany(Said).Where(value => value.Length > 0).Distinct()];

    public RecordedRequest Next()
    {
        var request = traffic[random.Next(traffic.Count)];
        for (var i = random.Next(3); i >= 0; i--)
            request = Change(request);
        return request;
    }

    private RecordedRequest Change(RecordedRequest request) => random.Next(12) switch
    {
        0 => request with { Method = Any(s_methods) },
        1 => request with { Target = ChangePath(request.Target) },
        2 or 3 => ChangeQuery(request),
        4 => request with { Headers = ChangeHeaders(request.Headers) },
        5 when request.Body.Length > 0 => request with { Body = ChangeBytes(request.Body) },
        _ when request.Body.StartsWith('{') => request with { Body = ChangeJson(request.Body) },
        _ when request.Body.Length > 0 => request with { Body = ChangePairs(request.Body) },
        _ => ChangeQuery(request),
    };

    private RecordedRequest ChangeQuery(RecordedRequest request)
    {
        var parts = request.Target.Split('?', 2);
        return request with { Target = parts.Length == 1 ? $"{parts[0]}?{Any(["limit", "cursor", "code", "id", "handler", "sort", "lang", "request_uri", "scope"])}={Value()}" : $"{parts[0]}?{ChangePairs(parts[1])}" };
    }

    private string ChangePath(string target)
    {
        var (path, query) = target.Split('?', 2) is [var before, var after] ? (before, $"?{after}") : (target, "");
        var segments = path.Split('/').ToList();
        var at = random.Next(1, segments.Count);
        switch (random.Next(4))
        {
            case 0:
                segments.Insert(at, Segment());
                break;
            case 1 when segments.Count > 2:
                segments.RemoveAt(at);
                break;
            default:
                segments[at] = Segment();
                break;
        }

        return string.Join('/', segments) + query;

        string Segment() => Value().Replace("?", "%3F", StringComparison.Ordinal).Replace("#", "%23", StringComparison.Ordinal);
    }

    private string ChangePairs(string text)
    {
        var pairs = text.Split('&').ToList();
        var at = random.Next(pairs.Count);
        var name = pairs[at].Split('=', 2)[0];
        switch (random.Next(8))
        {
            case 0:
                pairs.RemoveAt(at);
                break;
            case 1:
                pairs.Insert(random.Next(pairs.Count), pairs[at]);
                break;
            case 2:
                pairs.Insert(random.Next(pairs.Count), $"{name}={Value()}");
                break;
            case 3:
                pairs[at] = $"{Value()}={Value()}";
                break;
            default:
                pairs[at] = $"{name}={Value()}";
                break;
        }

        return string.Join('&', pairs);
    }

    private string ChangeJson(string text)
    {
        JsonNode? root;
        try
        {
            root = JsonNode.Parse(Encoding.UTF8.GetString(Encoding.Latin1.GetBytes(text)), documentOptions: new JsonDocumentOptions { AllowDuplicateProperties = false });
            _ = Text(root);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            // Changed before: no JSON any more, or with a member twice, or half a character.
            return ChangeBytes(text);
        }

        // The value is put in as text: what cannot be parsed is meant to come, too.
        const string Mark = "\"here-comes-another\"";
        var places = Places(root).ToList();
        if (places.Count == 0)
            return Any(s_json);
        var (parent, key) = places[random.Next(places.Count)];
        var (value, again) = (random.Next(4) == 0 ? JsonSerializer.Serialize(Uri.UnescapeDataString(Any(_said))) : Any(s_json), "");
        if (parent is JsonObject members)
        {
            switch (random.Next(6))
            {
                case 0:
                    members.Remove((string)key);
                    return Text(root);
                case 1:
                    again = $"{JsonSerializer.Serialize((string)key)}:{value},";
                    break;
                case 2:
                    members[Uri.UnescapeDataString(Value())] = JsonNode.Parse(Mark);
                    break;
                default:
                    members[(string)key] = JsonNode.Parse(Mark);
                    break;
            }
        }
        else
        {
            parent.AsArray()[(int)key] = JsonNode.Parse(Mark);
        }

        var changed = Text(root).Replace(Mark, value, StringComparison.Ordinal);
        return again.Length == 0 ? changed : changed.Insert(1, again);

        static string Text(JsonNode? node) => Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(node?.ToJsonString() ?? "null"));
    }

    private static IEnumerable<(JsonNode Parent, object Key)> Places(JsonNode? node) => node switch
    {
        JsonObject members => members.SelectMany(member => Places(member.Value).Prepend((members, member.Key))),
        JsonArray items => Enumerable.Range(0, items.Count).SelectMany(at => Places(items[at]).Prepend((items, at))),
        _ => [],
    };

    private string ChangeBytes(string text)
    {
        var (at, length) = (random.Next(text.Length), random.Next(1, 9));
        return random.Next(5) switch
        {
            0 => text.Remove(at, Math.Min(length, text.Length - at)),
            1 => text.Insert(at, text.Substring(at, Math.Min(length, text.Length - at))),
            2 => text[..at],
            3 => text.Insert(at, Any(["\0", "\u00ff", "\u00c0\u0080", "\u00ed\u00a0\u0080", "\u00ef\u00bb\u00bf", "\r\n", "{", "\"", "%", "&", "="])),
            _ => text.Remove(at, 1).Insert(at, ((char)(text[at] ^ (1 << random.Next(8)))).ToString()),
        };
    }

    private List<(string, string)> ChangeHeaders(IReadOnlyList<(string Name, string Value)> headers)
    {
        var changed = headers.ToList();
        var at = random.Next(Math.Max(changed.Count, 1));
        switch (changed.Count == 0 ? 2 : random.Next(5))
        {
            case 0:
                changed.RemoveAt(at);
                break;
            case 1:
                changed.Add(changed[at]);
                break;
            case 2:
                changed.Add((Any(s_names), Any(s_headers)));
                break;
            case 3:
                // A field's value holds no line feed, and nothing frames the request anew.
                changed[at] = (changed[at].Name, ChangeBytes(changed[at].Value + " ").Replace('\n', ' ').Replace('\r', ' '));
                break;
            default:
                changed[at] = (changed[at].Name, Any(s_headers));
                break;
        }

        return changed;
    }

    private string Value() => random.Next(3) == 0 ? Any(_said) : Any(s_values);

    private string Any(string[] among) => among[random.Next(among.Length)];

    private static IEnumerable<string> Said(RecordedRequest request)
    {
        foreach (var pair in (request.Target.Split('?', 2) is [_, var query] ? query : "").Split('&').Concat(request.ContentType?.StartsWith("application/x-www-form-urlencoded", StringComparison.Ordinal) == true ? request.Body.Split('&') : []))
        {
            if (pair.Split('=', 2) is [_, var value])
                yield return value;
        }

        foreach (var segment in request.Target.Split('?')[0].Split('/'))
            yield return segment;
        if (request.Headers.FirstOrDefault(header => header.Name == "Authorization").Value?.Split(' ') is [_, var credential])
            yield return Uri.EscapeDataString(credential);
    }
}
