using System.Buffers;
using System.Text;
using System.Text.Json;
using Activate.Identity.Core.Errors;

namespace Activate.Identity.Core.Expiration;

/// <summary>
/// A policy as it is written down: each member may be absent (inherited from the server), null (no limit) or set, which a <see cref="Policy"/> cannot tell apart.
/// Text is canonical: two documents that say the same have the same text.
/// </summary>
public sealed class PolicyDocument
{
    private readonly Dictionary<PolicyMember, int?> _members;

    private PolicyDocument(Dictionary<PolicyMember, int?> members)
    {
        _members = members;
        Text = Write();
    }

    /// <summary>Every member of a policy, none inherited.</summary>
    public static PolicyDocument Of(Policy policy) => new(PolicyMember.All.ToDictionary(member => member, member => member.Get(policy)));

    /// <param name="members">The members that are set, with values within their range.</param>
    public static PolicyDocument From(IEnumerable<KeyValuePair<PolicyMember, int?>> members) => new(new(members));

    /// <summary>Canonical JSON, in the shape of the contract (§6).</summary>
    public string Text { get; }

    /// <summary>True with the member's value (null: no limit), false when it is inherited.</summary>
    public bool TryGet(PolicyMember member, out int? value) => _members.TryGetValue(member, out value);

    /// <summary>The whole policy: what this document says, and for the rest what is inherited.</summary>
    /// <param name="inherited">The server's own values.</param>
    /// <param name="owner">Whose document this is.</param>
    public Policy Over(Policy inherited, RuleOwner owner) =>
        PolicyMember.All.Aggregate(inherited, (policy, member) => TryGet(member, out var value) ? member.Set(policy, value, owner) : policy);

    /// <summary>The members whose value differs, as "apiKeys.maximumDays 90 → 30", for the audit log.</summary>
    public string ChangesFrom(PolicyDocument before) => string.Join(", ",
        PolicyMember.All.Where(member => Word(member) != before.Word(member)).Select(member => $"{member.Path} {before.Word(member)} → {Word(member)}"));

    /// <summary>Strict: an unknown or misplaced member is refused, because a limit that somebody believes in must not be silently absent.</summary>
    /// <param name="json">The policy's object.</param>
    /// <param name="field">The request's field that holds it, for the problem.</param>
    public static Result<PolicyDocument> Parse(JsonElement json, string field = "policy")
    {
        if (json.ValueKind != JsonValueKind.Object)
            return Invalid(field, "A policy is a JSON object with the members that GET shows.");
        var members = new Dictionary<PolicyMember, int?>();
        foreach (var outer in json.EnumerateObject())
        {
            var name = ReadText(() => outer.Name);
            if (!PolicyMember.All.Any(member => member.Group == name))
            {
                if (Add(members, null, outer, field) is { } problem)
                    return problem;
                continue;
            }

            if (outer.Value.ValueKind != JsonValueKind.Object)
                return Invalid($"{field}.{name}", $"'{name}' is an object. Leave it out to inherit the server's values.");
            foreach (var inner in outer.Value.EnumerateObject())
            {
                if (Add(members, name, inner, field) is { } problem)
                    return problem;
            }
        }

        return new PolicyDocument(members);
    }

    private static Problem? Add(Dictionary<PolicyMember, int?> members, string? group, JsonProperty property, string field)
    {
        var name = ReadText(() => property.Name);
        var member = PolicyMember.All.FirstOrDefault(candidate => candidate.Group == group && candidate.Name == name);
        if (member is null)
        {
            var known = PolicyMember.All.Where(candidate => candidate.Group == group).Select(candidate => candidate.Name);
            if (group is null)
                known = PolicyMember.All.Select(candidate => candidate.Group ?? candidate.Name).Distinct();
            return Invalid(field, $"The policy has a member that does not exist{(group is null ? "" : $" in '{group}'")}. There are: {string.Join(", ", known)}.");
        }

        if (!TryRead(member, property.Value, out var value))
            return Invalid($"{field}.{member.Path}", $"'{member.Path}' is {member.Range}. Leave it out to inherit the server's value.");
        return members.TryAdd(member, value) ? null : Invalid($"{field}.{member.Path}", $"'{member.Path}' is there twice.");
    }

    private static bool TryRead(PolicyMember member, JsonElement json, out int? value)
    {
        value = null;
        switch (member.Kind)
        {
            case PolicyMemberKind.Flag:
                value = json.ValueKind == JsonValueKind.True ? 1 : 0;
                return json.ValueKind is JsonValueKind.True or JsonValueKind.False;
            case PolicyMemberKind.Applications:
                value = json.ValueKind == JsonValueKind.String ? PolicyMember.Words.ToList().IndexOf(ReadText(json.GetString)) + 1 : 0;
                return value > 0;
            case PolicyMemberKind.Limit:
                if (json.ValueKind == JsonValueKind.Null)
                    return true;
                if (json.ValueKind != JsonValueKind.Number || !json.TryGetInt32(out var number) || !member.Allows(number))
                    return false;
                value = number;
                return true;
            default:
                throw new InvalidOperationException($"No kind {member.Kind}.");
        }
    }

    /// <summary>A string or a name as text; empty when it is none: half of a surrogate pair.</summary>
    private static string ReadText(Func<string?> read)
    {
        try
        {
            return read() ?? "";
        }
        catch (InvalidOperationException)
        {
            return "";
        }
    }

    private string Write()
    {
        var buffer = new ArrayBufferWriter<byte>(512);
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            string? open = null;
            foreach (var member in PolicyMember.All)
            {
                if (!_members.TryGetValue(member, out var value))
                    continue;
                if (member.Group != open && open is not null)
                    writer.WriteEndObject();
                if (member.Group != open && member.Group is not null)
                    writer.WriteStartObject(member.Group);
                open = member.Group;
                writer.WritePropertyName(member.Name);
                writer.WriteRawValue(Json(member, value));
            }

            if (open is not null)
                writer.WriteEndObject();
            writer.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    private static string Json(PolicyMember member, int? value) => member.Kind switch
    {
        PolicyMemberKind.Limit => value is { } number ? string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{number}") : "null",
        PolicyMemberKind.Flag => value == 1 ? "true" : "false",
        PolicyMemberKind.Applications => $"\"{PolicyMember.Words[value!.Value - 1]}\"",
    };

    private string Word(PolicyMember member) => TryGet(member, out var value) ? Json(member, value) : "inherited";

    private static Problem Invalid(string field, string detail) => Problems.Invalid(field, "policy_invalid", detail);
}
