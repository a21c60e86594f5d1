using System.CommandLine;
using System.Net;
using System.Security.Cryptography;
using Activate.Identity.Cli.Contexts;
using Activate.Identity.Cli.Output;
using Activate.Identity.Cli.Servers;
using Activate.Identity.Cli.SshKeys;
using Activate.Identity.Core.Clusters;
using Activate.Identity.Core.SshKeys;

namespace Activate.Identity.Cli.Hosts;

/// <summary>
/// <c>actid cluster pull</c>: what a timer on the cluster's host runs each minute. Fetches all who may log in, or learns that nothing changed, which makes the copy younger. Taken is only
/// what the server signed for this cluster, complete, in order, and no older than what is here.
/// </summary>
internal static class PullCommand
{
    private const string Path = $"{ApiClient.Root}/authorized-keys";

    public static Command Create(Actid actid) => actid.Command("pull",
        "Fetch the copy of who may log in, for outages; a timer runs it\n"
        + "The copy is used only while the server cannot be reached or answers with errors, and never longer than your organization's policy allows (clusters.outageMinutes).",
        ["actid cluster pull"], [], RunAsync);

    private static async Task<int> RunAsync(Call call, CancellationToken cancellation)
    {
        var key = ClusterKey.Read(call.Around);
        var copy = new BundleCopy(call.Around, key);
        if (!Directory.Exists(copy.Folder))
            PrivateFiles.MakePrivateFolder(copy.Folder);
        var here = copy.Read();
        using var wire = new Wire(key.Server, call.Around.Time);
        using var request = wire.Request(HttpMethod.Get, Path, key.Secret, $"{BundleLine.MediaType}, application/problem+json;q=0.5");
        if (here is not null)
            request.Headers.TryAddWithoutValidation("If-None-Match", here.Value.Record.ETag);
        using var response = await wire.OpenAsync(request, cancellation);
        switch (response.StatusCode)
        {
            case HttpStatusCode.OK:
                var taken = await TakeAsync(copy, here, wire, response, cancellation);
                call.Say($"Who may log in has changed; the copy has the serial {taken.Serial} and counts until {Times.Full(taken.IssuedAt + taken.MaximumAge, call.Now)}.");
                return ExitCodes.Done;
            case HttpStatusCode.NotModified when here is not null:
                var (jws, statement, keySet) = await StatementAsync(copy, here.Value.Statement, wire, response, here.Value.Record.KeySet, cancellation);
                if (statement.Serial != here.Value.Statement.Serial || !statement.Hash.AsSpan().SequenceEqual(here.Value.Statement.Hash))
                    throw Doubt(wire, "says that nothing changed, and speaks of another content");
                copy.Renew(here.Value.Record with { Statement = jws, KeySet = keySet });
                return ExitCodes.Done;
            default:
                var answer = await wire.ReadAsync(response, cancellation);
                // It knows us, and says no: what was allowed before is not any more.
                if (answer.Status is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden)
                {
                    copy.Remove();
                    call.Say("The copy of who may log in was removed.");
                }

                var refusal = Refusal.Of(answer, key.Server);
                // The organization wants none: nothing is wrong, and the timer need not complain each minute.
                if (answer.Status != HttpStatusCode.Forbidden || JsonText.Read(answer.Body, ApiJson.Default.ProblemAnswer)?.Code != "copies_off")
                    throw refusal;
                call.Say(refusal.Message);
                return ExitCodes.Done;
        }
    }

    private static async Task<BundleStatement> TakeAsync(BundleCopy copy, (CopyRecord Record, BundleStatement Statement)? here, Wire wire, HttpResponseMessage response, CancellationToken cancellation)
    {
        var (jws, statement, keySet) = await StatementAsync(copy, here?.Statement, wire, response, here?.Record.KeySet, cancellation);
        if (response.Content.Headers.ContentType?.MediaType != BundleLine.MediaType || response.Headers.ETag is not { } etag)
            throw Doubt(wire, "answered with something else than a bundle");
        var temporary = System.IO.Path.Combine(copy.Folder, $".{RandomNumberGenerator.GetHexString(16, lowercase: true)}.tmp");
        try
        {
            var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.ReadWrite };
            if (!OperatingSystem.IsWindows())
                options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            await using (var file = new FileStream(temporary, options))
            {
                await (await response.Content.ReadAsStreamAsync(cancellation)).CopyToAsync(file, cancellation);
                file.Position = 0;
                if (!(await SHA256.HashDataAsync(file, cancellation)).AsSpan().SequenceEqual(statement.Hash))
                    throw Doubt(wire, "sent another content than it signed");
                file.Position = 0;
                Check(wire, file);
                file.Flush(flushToDisk: true);
            }

            copy.Replace(temporary, statement, jws, etag.Tag, keySet);
            return statement;
        }
        finally
        {
            File.Delete(temporary);
        }
    }

    /// <summary>The statement of an answer, signed by the server for the cluster that this host is, and no older than the one before.</summary>
    private static async Task<(string Jws, BundleStatement Statement, string KeySet)> StatementAsync(
        BundleCopy copy, BundleStatement? before, Wire wire, HttpResponseMessage response, string? keySet, CancellationToken cancellation)
    {
        if (!response.Headers.TryGetValues(BundleStatement.Header, out var values) || values.ToList() is not [var jws] || BundleStatement.KeyIdOf(jws) is not { } kid)
            throw Doubt(wire, $"answered without {BundleStatement.Header}");
        if (keySet is null || !BundleStatement.Knows(keySet, kid))
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, wire.At("/.well-known/jwks"));
            var answer = await wire.SendAsync(request, cancellation);
            keySet = answer.Succeeded ? System.Text.Encoding.UTF8.GetString(answer.Body) : throw Refusal.Of(answer, wire.Server);
        }

        if (BundleStatement.Verify(jws, keySet) is not { } statement)
            throw Doubt(wire, "sent a statement that none of its keys has signed");
        if (statement.Issuer != copy.Issuer || (before is not null && statement.Cluster != before.Cluster))
            throw Doubt(wire, "sent a statement about another cluster or server");
        if (before is not null && (statement.Serial < before.Serial || statement.IssuedAt < before.IssuedAt))
        {
            throw Failure.Failed($"{ServerAddress.Origin(wire.Server)} sent an older state (serial {statement.Serial}) than the one that is here ({before.Serial}); it was not taken.",
                $"If the server's database was restored from a backup, begin anew: rm -r '{copy.Folder}'/* && actid cluster pull");
        }

        return (jws, statement, keySet);
    }

    /// <summary>Every line, before any of them counts: a copy with one wrong line is a wrong copy.</summary>
    private static void Check(Wire wire, FileStream file)
    {
        using var reader = new StreamReader(file, System.Text.Encoding.UTF8, detectEncodingFromByteOrderMarks: false, leaveOpen: true);
        string? before = null;
        while (reader.ReadLine() is { } line)
        {
            if (!BundleLine.TryRead(System.Text.Encoding.UTF8.GetBytes(line), out var username, out var keys) || string.CompareOrdinal(before, username) >= 0
                || Core.Accounts.Username.Parse(username).Problem is not null
                || keys.Any(key => !AuthorizedKeysLine.TryRead(key.PublicKey, out _, out var option) || option is not null))
                throw Doubt(wire, "signed a bundle with a line that is none");
            before = username;
        }
    }

    private static Failure Doubt(Wire wire, string what) => Failure.Failed($"{ServerAddress.Origin(wire.Server)} {what}; the copy stays as it was.");
}
