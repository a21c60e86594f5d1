using Activate.Identity.Server.Web;

namespace Activate.Identity.Server.ServiceAccounts;

/// <summary>What the forms of a new service account and of one that is there have in common (ServiceAccounts/AccountFields.cshtml).</summary>
/// <param name="Description">One line.</param>
/// <param name="Role">A word; null: member.</param>
/// <param name="Keepers">Usernames with spaces or commas between them.</param>
/// <param name="MayAdminister">False: a keeper, who may only describe it.</param>
public sealed record AccountFields(string? Description, string? Role, string? Keepers, bool MayAdminister)
{
    public static IReadOnlyList<string> ParseKeepers(string? text) => Texts.Entries(text);
}
