using Activate.Identity.Core.Errors;
using Activate.Identity.Data;
using Activate.Identity.Data.Accounts;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Web;

/// <summary>
/// Forms whose answer shows a secret, and therefore cannot be a redirect: a reload of that answer sends the form again. Each carries an id of its own, bound to the user
/// and protected by the ring; whatever the form makes notes the id in the same transaction, and a second time makes nothing, on no node.
/// </summary>
public sealed class OneTimeForms(IDataProtectionProvider protection, TimeProvider clock)
{
    private const int LongestField = 1000;
    private static readonly TimeSpan s_lifetime = TimeSpan.FromHours(12);

    public static readonly Problem Spent = new(ProblemKind.Conflict, "form_sent_before",
        "This form was sent before. What it made is there already, and cannot be shown again; nothing new was made. If you did not keep it, delete it and make another.");

    public static readonly Problem OutOfDate = new(ProblemKind.Invalid, "form_out_of_date", "This form was open for too long, or belongs to somebody else. Nothing was made; send it once more.");

    private readonly IDataProtector _protector = protection.CreateProtector("one-time forms");

    /// <summary>The value of the form's hidden field.</summary>
    public string Issue(Guid userId)
    {
        Span<byte> content = stackalloc byte[40];
        Guid.CreateVersion7(clock.GetUtcNow()).TryWriteBytes(content);
        userId.TryWriteBytes(content[16..]);
        BitConverter.TryWriteBytes(content[32..], clock.GetUtcNow().Add(s_lifetime).ToUnixTimeSeconds());
        return _protector.Seal(content.ToArray());
    }

    /// <summary>The form's id; null when it is none of this user's, or too old.</summary>
    public Guid? Read(string? field, Guid userId) =>
        _protector.Open(field, LongestField) is { Length: 40 } content && new Guid(content.AsSpan(16, 16)) == userId && BitConverter.ToInt64(content, 32) > clock.GetUtcNow().ToUnixTimeSeconds()
            ? new Guid(content.AsSpan(0, 16))
            : null;

    /// <summary>Asked before anything else is judged: whoever sends a form again is to hear that, and not that its name is taken or its sign-in too old.</summary>
    internal static async Task<bool> IsSpentAsync(ActivateDbContext database, Guid? form, CancellationToken cancellationToken) =>
        form is { } id && await database.SpentForms.AnyAsync(f => f.Id == id, cancellationToken);

    /// <summary>Notes in the caller's transaction, which holds the user's turn, that the form has done its work. The problem when it had before.</summary>
    /// <param name="database">The caller saves.</param>
    /// <param name="form">Null: no form.</param>
    /// <param name="now">UTC.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    internal static async Task<Problem?> SpendAsync(ActivateDbContext database, Guid? form, DateTime now, CancellationToken cancellationToken)
    {
        if (form is not { } id)
            return null;
        if (await IsSpentAsync(database, id, cancellationToken))
            return Spent;
        database.SpentForms.Add(new SpentForm { Id = id, ExpiresAt = now + s_lifetime });
        return null;
    }
}
