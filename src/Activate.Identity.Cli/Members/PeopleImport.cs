using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Activate.Identity.Cli.Output;
using Activate.Identity.Cli.Servers;
using Activate.Identity.Core.Members;
using Activate.Identity.Core.SshKeys;

namespace Activate.Identity.Cli.Members;

/// <summary>
/// <c>actid member import FILE</c>: everybody in a CSV file, with the keys in their authorized_keys files. Sent in small batches; what was done is reported even when a later one fails,
/// and running it again goes on where it ended.
/// </summary>
internal static class PeopleImport
{
    private const string Path = "/organization/members/import";
    private const string Placeholder = "{username}";
    private const int MostPeople = 50;

    /// <summary>Below what the server takes in one request, with room for JSON.</summary>
    private const int MostCharacters = 100_000;

    private const int LargestFile = 8 << 20;

    public static Command Create(Actid actid)
    {
        var file = new Argument<string>("FILE") { Description = "A CSV file; its first line is username,email,role,displayName (the last two may be left out)" };
        var keys = new Option<string?>("--authorized-keys") { Description = $"Where each one's authorized_keys file is, with {Placeholder} in its path", HelpName = "PATH" };
        keys.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<string?>() is { } path && !path.Contains(Placeholder, StringComparison.Ordinal))
                result.AddError($"--authorized-keys: the path needs {Placeholder}, such as /home/{Placeholder}/.ssh/authorized_keys.");
        });
        var dry = new Option<bool>("--dry-run") { Description = "Change nothing, and report what would be done" };
        return actid.Command("import",
            "Invite everybody in a file, with the SSH keys they have already\nThe report has a line for each person and key; links to hand over are in it, once: keep it to yourself. Keys are looked at before anything is sent: private ones never leave this machine, and lines with options are refused. Running it again goes on where it ended. Exit code 1 when something was refused.",
            ["actid member import people.csv --dry-run", "actid member import people.csv --authorized-keys '/home/{username}/.ssh/authorized_keys' > report.txt", "actid member import people.csv -o json > report.json"],
            [file, keys, dry],
            async (call, cancellation) =>
            {
                if (!PeopleFile.Parse(await ReadAsync(call.Get(file), "FILE", cancellation)).TryGet(out var people, out var problem))
                    throw Failure.Usage($"{problem.Detail} ({problem.Code})", "Nothing was sent.");
                using var api = call.Connect();
                var report = new List<(PersonLine Line, ImportedPerson Person)>();
                var batch = new List<(PersonLine Line, string? Keys)>();
                try
                {
                    foreach (var person in people)
                    {
                        var text = await KeysAsync(call, call.Get(keys), person, cancellation);
                        if (batch.Count == MostPeople || (batch.Count > 0 && batch.Sum(other => other.Keys?.Length ?? 0) + (text?.Length ?? 0) > MostCharacters))
                            await SendAsync(api, batch, call.Get(dry), report, cancellation);
                        batch.Add((person, text));
                    }

                    if (batch.Count > 0)
                        await SendAsync(api, batch, call.Get(dry), report, cancellation);
                }
                finally
                {
                    Show(call, report, call.Get(dry));
                }

                return report.Any(entry => entry.Person.Outcome == "refused" || entry.Person.Keys?.Any(key => key.Outcome == "refused") == true) ? ExitCodes.Failed : ExitCodes.Done;
            });
    }

    private static async Task SendAsync(ApiClient api, List<(PersonLine Line, string? Keys)> batch, bool dryRun, List<(PersonLine, ImportedPerson)> report, CancellationToken cancellation)
    {
        var answer = await api.DoAsync(HttpMethod.Post, Path, json =>
        {
            json.WriteBoolean("dryRun", dryRun);
            json.WriteStartArray("people");
            foreach (var (line, keys) in batch)
            {
                json.WriteStartObject();
                json.WriteString("username", line.Username);
                json.WriteString("email", line.Email);
                json.WriteString("role", line.Role);
                json.WriteString("displayName", line.DisplayName);
                json.WriteString("authorizedKeys", keys);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }, cancellation);
        var done = api.Understand(answer.Body, ApiJson.Default.ImportAnswer).People;
        if (done.Count != batch.Count)
            throw Failure.Failed($"{ServerAddress.Origin(api.Server)} did not report on everybody.");
        report.AddRange(batch.Select((entry, index) => (entry.Line, done[index])));
        batch.Clear();
    }

    /// <summary>The file of one person; null when there is none.</summary>
    private static async Task<string?> KeysAsync(Call call, string? pattern, PersonLine person, CancellationToken cancellation)
    {
        // A name with a slash would lead to somebody else's file; the server refuses it anyway.
        if (pattern is null || !Core.Accounts.Username.Parse(person.Username).TryGet(out var username, out _))
            return null;
        var path = pattern.Replace(Placeholder, username, StringComparison.Ordinal);
        if (!File.Exists(path))
        {
            call.Say($"line {person.Line}, {username}: there is no {path}");
            return null;
        }

        var text = await ReadAsync(path, path, cancellation);
        if (AuthorizedKeysFile.Parse(text).FirstOrDefault(line => line.Key.Problem?.Code == "ssh_private_key") is { Line: > 0 } key)
            throw Failure.Usage($"{path}, line {key.Line}: this is a PRIVATE key. It stays on this machine. (ssh_private_key)", "Nothing of this person was sent.");
        return text.Length <= MostCharacters ? text : throw Failure.Usage($"{path} is far too long to be an authorized_keys file. Nothing of this person was sent.");
    }

    private static async Task<string> ReadAsync(string path, string what, CancellationToken cancellation)
    {
        try
        {
            return new FileInfo(path).Length <= LargestFile ? await File.ReadAllTextAsync(path, Encoding.UTF8, cancellation) : throw Failure.Usage($"{what}: that file is far too long. Nothing was sent.");
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            throw Failure.Usage($"{what}: {problem.Message}");
        }
    }

    private static void Show(Call call, List<(PersonLine Line, ImportedPerson Person)> report, bool dryRun)
    {
        if (call.Json)
        {
            call.Show(JsonText.Write(json =>
            {
                json.WriteStartObject();
                json.WriteBoolean("dryRun", dryRun);
                json.WriteStartArray("people");
                foreach (var (line, person) in report)
                {
                    json.WriteStartObject();
                    json.WriteNumber("line", line.Line);
                    json.WriteString("username", person.Username);
                    json.WriteString("outcome", person.Outcome);
                    json.WriteString("id", person.Id);
                    json.WriteString("invitationUrl", person.InvitationUrl);
                    json.WriteString("code", person.Code);
                    json.WriteString("detail", person.Detail);
                    json.WriteStartArray("keys");
                    foreach (var key in person.Keys ?? [])
                        JsonSerializer.Serialize(json, key, ApiJson.Default.ImportedKey);
                    json.WriteEndArray();
                    json.WriteEndObject();
                }

                json.WriteEndArray();
                json.WriteEndObject();
            }));
        }
        else if (report.Count > 0)
        {
            Tables.Write(call.Around, ["LINE", "USERNAME", "OUTCOME", "WHAT"], report.SelectMany(entry => Rows(entry.Line, entry.Person)));
        }

        var keys = report.SelectMany(entry => entry.Person.Keys ?? []).ToList();
        call.Say($"{(dryRun ? "Would be done: " : "")}{Count("invited")} invited, {Count("known")} known already, {Count("refused")} refused; " +
            $"{keys.Count(key => key.Outcome == "added")} SSH keys added, {keys.Count(key => key.Outcome == "refused")} refused.{(dryRun ? " Nothing was changed." : "")}");

        int Count(string outcome) => report.Count(entry => entry.Person.Outcome == outcome);
    }

    private static IEnumerable<string[]> Rows(PersonLine line, ImportedPerson person)
    {
        var number = line.Line.ToString(CultureInfo.InvariantCulture);
        yield return [number, person.Username ?? "", person.Outcome ?? "", person.InvitationUrl ?? (person.Code is null ? "" : $"{person.Detail} ({person.Code})")];
        foreach (var key in person.Keys ?? [])
            yield return [number, person.Username ?? "", $"key {key.Outcome}", $"authorized_keys line {key.Line}{(key.Fingerprint is null ? "" : $" {key.Fingerprint}")}{(key.Code is null ? "" : $": {key.Detail} ({key.Code})")}"];
    }
}
