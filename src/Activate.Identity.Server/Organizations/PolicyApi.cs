using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Activate.Identity.Core;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Errors;
using Activate.Identity.Core.Expiration;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Mvc;

namespace Activate.Identity.Server.Organizations;

/// <summary>REST of an organization's policy: <c>/api/v1/organization/policy</c>. The ETag is the policy's version.</summary>
internal static class PolicyApi
{
    private static readonly Problem s_ifMatchRequired = new(ProblemKind.PreconditionRequired, "if_match_required",
        "Say which policy you saw: send the ETag of GET as If-Match, so that two administrators do not overwrite each other.");

    public static void MapPolicyApi(this IEndpointRouteBuilder endpoints)
    {
        var group = endpoints.MapGroup("/api/v1/organization/policy").WithTags("Policy");
        group.MapGet("", Show).RequireScope(Scopes.OrganizationRead).Produces<PolicyBody>().WithSummary("The organization's policy: its own, the server's ceiling, and what counts");
        group.MapPut("", Set).RequireInteractive(Scopes.OrganizationWrite).Produces<PolicyBody>().WithSummary("Change the policy, with the ETag as If-Match; credentials that exist are kept or shortened");
        group.MapPost("/preview", Preview).RequireScope(Scopes.OrganizationWrite).Produces<PolicyPreviewBody>().WithSummary("Whom a policy would hit. Changes nothing");
    }

    private static async Task<IResult> Show(Caller caller, PolicyEditor editor, PolicyCeiling ceiling, HttpContext context, CancellationToken cancellationToken) =>
        Answer(context, await editor.ReadAsync(caller.OrganizationId, cancellationToken), ceiling);

    private static async Task<IResult> Set(
        PolicyChangeBody body, Caller caller, PolicyEditor editor, PolicyCeiling ceiling, HttpContext context, [FromHeader(Name = "If-Match")] string? ifMatch, CancellationToken cancellationToken)
    {
        if (ifMatch is null)
            return s_ifMatchRequired.ToResult();
        if (!PolicyDocument.Parse(body.Policy).TryGet(out var policy, out var problem)
            || !ExistingCredentials.Parse(body.Existing?.Mode, body.Existing?.GraceDays).TryGet(out var existing, out problem)
            || !(await editor.SetAsync(caller.ToActor(), Version(ifMatch), policy, existing, cancellationToken)).TryGet(out var state, out problem))
            return problem.ToResult();
        return Answer(context, state, ceiling);
    }

    private static async Task<IResult> Preview(
        PolicyChangeBody body, Caller caller, PolicyEditor editor, HttpContext context, [FromHeader(Name = "If-Match")] string? ifMatch, string? limit, string? after,
        CancellationToken cancellationToken)
    {
        if (!PageQuery.Parse(limit, after).TryGet(out var page, out var problem)
            || !PolicyDocument.Parse(body.Policy).TryGet(out var policy, out problem)
            || !ExistingCredentials.Parse(body.Existing?.Mode, body.Existing?.GraceDays).TryGet(out var existing, out problem)
            || !(await editor.PreviewAsync(caller.OrganizationId, Version(ifMatch), policy, existing, page.Limit, page.After, cancellationToken)).TryGet(out var preview, out problem))
            return problem.ToResult();
        context.Response.Headers.ETag = ETag(preview.Version);
        var affected = page.Page(preview.Affected, credential => credential.Id, AffectedBody.From);
        return Results.Ok(new PolicyPreviewBody(preview.Counts.ToDictionary(count => count.Key.Word(), count => count.Value), affected.Items, affected.Next)
        {
            WithoutSecondFactor = preview.WithoutSecondFactor,
        });
    }

    private static IResult Answer(HttpContext context, PolicyState state, PolicyCeiling ceiling)
    {
        context.Response.Headers.ETag = ETag(state.Version);
        return Results.Ok(new PolicyBody(Json(state.Own), Json(PolicyDocument.Of(state.Effective)), Json(ceiling.Document), state.ChangedAt, state.ChangedBy));
    }

    private static JsonElement Json(PolicyDocument document)
    {
        using var json = JsonDocument.Parse(document.Text);
        return json.RootElement.Clone();
    }

    private static string ETag(int version) => string.Create(CultureInfo.InvariantCulture, $"\"{version}\"");

    /// <summary>The version in If-Match (RFC 9110 §13.1.1); null without the header and for <c>*</c>; one that never was when it is none of ours, a weak one or a list.</summary>
    private static int? Version(string? ifMatch) => ifMatch?.Trim() switch
    {
        null or "*" => null,
        ['"', .. var digits, '"'] when int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var version) => version,
        _ => -1,
    };
}

/// <param name="Policy">The whole policy; a member that is left out is inherited from the server, null is no limit.</param>
/// <param name="Existing">Absent: credentials that exist keep their ends.</param>
internal sealed record PolicyChangeBody(JsonElement Policy, ExistingBody? Existing = null);

/// <param name="Mode"><c>keep</c> or <c>shorten</c>.</param>
/// <param name="GraceDays">0 to 365.</param>
internal sealed record ExistingBody(string? Mode = null, int? GraceDays = null);

internal sealed record PolicyBody(JsonElement Policy, JsonElement Effective, JsonElement Ceiling, DateTime? ChangedAt, string? ChangedBy);

internal sealed record PolicyPreviewBody(IReadOnlyDictionary<string, int> Counts, IReadOnlyList<AffectedBody> Affected, string? Next)
{
    /// <summary>People who would have to set up a second factor; absent when the policy asks for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? WithoutSecondFactor { get; init; }
}

/// <param name="Because"><c>policy</c>: a maximum shortens it; <c>unused</c>: nobody uses it.</param>
internal sealed record AffectedBody(string Kind, Guid Id, string Name, string Owner, DateTime? LastUsedAt, DateTime? ExpiresAt, DateTime WouldExpireAt, string Because)
{
    public static AffectedBody From(AffectedCredential credential) => new(
        credential.Kind.Word(), credential.Id, credential.Name, credential.Owner, credential.LastUsedAt, credential.ExpiresAt, credential.WouldExpireAt, credential.Because.Word());
}
