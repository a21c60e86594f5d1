using System.Buffers;
using System.Buffers.Text;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Errors;
using Activate.Identity.Server.Audit;

namespace Activate.Identity.Server.Inventory;

/// <summary>Which credentials of an organization: what REST, page and command line ask for, as they write it.</summary>
public sealed record InventoryQuery
{
    /// <summary>The states that lists show.</summary>
    public static readonly IReadOnlyList<string> States = ["active", "expiring", "expired"];

    /// <summary>Null: every kind.</summary>
    public CredentialKind? Kind { get; private init; }
    /// <summary>A username or an id.</summary>
    public string? Owner { get; private init; }
    /// <summary>A client id: only what was issued to that application.</summary>
    public string? Application { get; private init; }
    public string? State { get; private init; }
    /// <summary>Only what was neither used nor made since.</summary>
    public DateTime? LastUsedBefore { get; private init; }

    /// <summary>Nothing is asked for: everything.</summary>
    public bool IsEmpty => this == new InventoryQuery();

    /// <summary>Empty is absent, as forms send it.</summary>
    /// <param name="kind"><c>apiKey</c>, <c>token</c>, <c>session</c> or <c>sshKey</c>, or as in paths.</param>
    /// <param name="owner">A username or an id.</param>
    /// <param name="application">A client id.</param>
    /// <param name="state">Of <see cref="States"/>.</param>
    /// <param name="lastUsedBefore">RFC 3339, or a day in UTC.</param>
    /// <param name="timeField">What the request calls the time.</param>
    public static Result<InventoryQuery> Parse(string? kind, string? owner, string? application, string? state, string? lastUsedBefore, string timeField = "lastUsedBefore")
    {
        var known = CredentialNames.KindOf(kind);
        if (!string.IsNullOrEmpty(kind) && known is null)
            return Problems.Invalid("kind", "kind_unknown", $"A kind is one of {string.Join(", ", CredentialNames.Kinds.Select(one => one.Word()))}.");
        if (!string.IsNullOrEmpty(state) && !States.Contains(state))
            return Problems.Invalid("state", "state_unknown", $"A state is one of {string.Join(", ", States)}.");
        if (!AuditQuery.MayBeClient(application))
            return Problems.Invalid("application", "application_invalid", "The application is a client id, such as 'activate-cli'.");
        if (!AuditQuery.TryTime(lastUsedBefore, endOfDay: false, out var before))
            return AuditQuery.TimeInvalid(timeField);
        return new InventoryQuery { Kind = known, Owner = AuditQuery.Some(owner), Application = AuditQuery.Some(application), State = AuditQuery.Some(state), LastUsedBefore = before };
    }
}

/// <summary>The place of a credential in the inventory: kind, then owner, then id. Travels as an opaque text.</summary>
public sealed record InventoryCursor(CredentialKind Kind, Guid OwnerId, Guid Id)
{
    internal static readonly Problem Invalid = Problems.Invalid("after", "cursor_invalid", "'after' is the 'next' of the page before, unchanged.");

    private const int Bytes = 1 + 16 + 16;

    public static Result<InventoryCursor> Parse(string text)
    {
        Span<byte> bytes = stackalloc byte[Bytes];
        if (text.Length != Bytes / 3 * 4 || Base64Url.DecodeFromChars(text, bytes, out _, out var length) != OperationStatus.Done || length != Bytes
            || !CredentialNames.Kinds.Contains((CredentialKind)bytes[0]))
            return Invalid;
        return new InventoryCursor((CredentialKind)bytes[0], new Guid(bytes[1..17]), new Guid(bytes[17..]));
    }

    public override string ToString()
    {
        Span<byte> bytes = stackalloc byte[Bytes];
        bytes[0] = (byte)Kind;
        OwnerId.TryWriteBytes(bytes[1..]);
        Id.TryWriteBytes(bytes[17..]);
        return Base64Url.EncodeToString(bytes);
    }
}
