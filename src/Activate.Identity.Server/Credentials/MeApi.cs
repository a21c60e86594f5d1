using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Expiration;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.Web;

namespace Activate.Identity.Server.Credentials;

/// <summary>
/// Who the caller is, and what the caller may choose. A proxy that asks before it lets a request through (docs/integrations/nginx.md) sees headers only, and may name
/// the scope that it wants: otherwise every application's token would open what is behind it.
/// </summary>
internal static class MeApi
{
    private const string UsernameHeader = "Activate-Username";
    private const string OrganizationHeader = "Activate-Organization";

    public static void MapMe(this IEndpointRouteBuilder endpoints)
    {
        endpoints.MapGet("/api/v1/me", Me).RequireScopeOfQuery().WithTags("Me")
            .WithSummary("Who the caller is, and the credential in use; with ?scope= refused to a credential that lacks that scope");
        // For ACTIVATE scripts that exist already.
        endpoints.MapGet("/api/auth/session", Me).RequireCredential().WithTags("Me").WithSummary("The same as /api/v1/me");
    }

    public static void MapExpirationChoices(this IEndpointRouteBuilder endpoints) =>
        endpoints.MapGet("/api/v1/expiration-choices", Choices).RequireScope(Core.Scopes.CredentialsRead).WithTags("Me")
            .WithSummary("The lifetimes the caller may choose now, per kind of credential, and why");

    // The record itself, not an IResult: a result makes a service scope and a logger for each request, on the path of every check.
    private static MeBody Me(Caller caller, HttpResponse response)
    {
        response.Headers[UsernameHeader] = caller.Username;
        response.Headers[OrganizationHeader] = caller.OrganizationSlug;
        return new MeBody(
            caller.UserId,
            caller.Username,
            caller.DisplayName ?? caller.Username,
            caller.Email,
            caller.UserKind == UserKind.ServiceAccount ? "serviceAccount" : "person",
            caller.Role.ToString().ToLowerInvariant(),
            caller.IsOperator,
            new MeOrganization(caller.OrganizationId, caller.OrganizationSlug, caller.OrganizationName),
            new MeCredential(caller.Kind.Word(), caller.CredentialId, caller.CredentialName, caller.Scopes, caller.ExpiresAt));
    }

    private static async Task<ExpirationChoicesBody> Choices(Caller caller, PolicyReader policies, CancellationToken cancellationToken)
    {
        var policy = (await policies.ReadAsync(caller.OrganizationId, cancellationToken)).Effective;
        return new ExpirationChoicesBody(Days(policy.ApiKeys), Hours(policy.Tokens), Days(policy.SshKeys));
    }

    private static DayChoices Days(ExpirationLimits limits) => new(
        limits.UserChoice, [.. ExpirationPolicy.Choices(limits).Select(choice => new DayChoice(choice.Amount, choice.Label))], limits.Default, ExpirationPolicy.Reason(limits));

    private static HourChoices Hours(ExpirationLimits limits) => new(
        limits.UserChoice, [.. ExpirationPolicy.Choices(limits).Select(choice => new HourChoice(choice.Amount ?? 0, choice.Label))], limits.Default ?? Policy.LongestTokenHours,
        ExpirationPolicy.Reason(limits));
}

internal sealed record MeBody(
    Guid Id, string Username, string DisplayName, string? Email, string Kind, string Role, bool Operator, MeOrganization Organization, MeCredential Credential);

internal sealed record MeOrganization(Guid Id, string Slug, string Name);

internal sealed record MeCredential(string Kind, Guid Id, string Name, IReadOnlyList<string> Scopes, DateTime? ExpiresAt);

internal sealed record ExpirationChoicesBody(DayChoices ApiKey, HourChoices Token, DayChoices SshKey);

internal sealed record DayChoices(bool UserChoice, IReadOnlyList<DayChoice> Choices, int? DefaultDays, string Reason);

internal sealed record DayChoice(int? Days, string Label);

internal sealed record HourChoices(bool UserChoice, IReadOnlyList<HourChoice> Choices, int DefaultHours, string Reason);

internal sealed record HourChoice(int Hours, string Label);
