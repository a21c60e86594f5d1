using System.Text.Json;
using Activate.Identity.Core;
using Activate.Identity.Core.Expiration;
using Activate.Identity.Server.Applications;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace Activate.Identity.Server.Web;

/// <summary>What the OpenAPI document says beyond what the endpoints say of themselves.</summary>
internal static class ApiDocument
{
    private static void DescribePolicy(OpenApiSchema schema)
    {
        schema.Type = JsonSchemaType.Object;
        schema.Description = "A policy. A member that is left out is inherited from the server; null is no limit.";
        schema.Properties = PolicyMember.All.GroupBy(member => member.Group ?? member.Name).ToDictionary(group => group.Key, group => group.First().Group is null ? Describe(group.First()) : new OpenApiSchema
        {
            Type = JsonSchemaType.Object,
            Properties = group.ToDictionary(member => member.Name, Describe),
        });
    }

    private static IOpenApiSchema Describe(PolicyMember member) => new OpenApiSchema
    {
        Type = member.Kind switch
        {
            PolicyMemberKind.Limit => JsonSchemaType.Integer | JsonSchemaType.Null,
            PolicyMemberKind.Flag => JsonSchemaType.Boolean,
            PolicyMemberKind.Applications => JsonSchemaType.String,
        },
        Description = member.Range,
    };

    public static void Configure(OpenApiOptions options)
    {
        options.ShouldInclude = description => description.RelativePath?.StartsWith("api/", StringComparison.Ordinal) == true;
        options.AddSchemaTransformer((schema, context, _) =>
        {
            // Policies are the only free JSON: what may be in one is in Core's table.
            if (context.JsonTypeInfo.Type == typeof(JsonElement))
                DescribePolicy(schema);
            // Its converter is opaque to the schema's generator.
            if (context.JsonTypeInfo.Type == typeof(Optional<int?>))
            {
                schema.Type = JsonSchemaType.Integer | JsonSchemaType.Null;
                schema.Format = "int32";
            }

            if (context.JsonTypeInfo.Type == typeof(Optional<string?>))
                schema.Type = JsonSchemaType.String | JsonSchemaType.Null;
            if (context.JsonTypeInfo.Type == typeof(Optional<IReadOnlyList<string>?>))
            {
                schema.Type = JsonSchemaType.Array | JsonSchemaType.Null;
                schema.Items = new OpenApiSchema { Type = JsonSchemaType.String };
            }

            if (context.JsonTypeInfo.Type == typeof(Optional<KeySetJson?>) || context.JsonTypeInfo.Type == typeof(KeySetJson))
                schema.Type = JsonSchemaType.Object | JsonSchemaType.Null;

            return Task.CompletedTask;
        });
        options.AddOperationTransformer((operation, context, _) =>
        {
            // The one exception to the document's rule: whoever found a leaked key has none of their own.
            if (context.Description.ActionDescriptor.EndpointMetadata.OfType<Microsoft.AspNetCore.Authorization.IAllowAnonymous>().Any())
                operation.Security = [];
            return Task.CompletedTask;
        });
        options.AddDocumentTransformer((document, context, _) =>
        {
            document.Info = new OpenApiInfo
            {
                Title = "Activate.Identity",
                Version = "v1",
                Description = "Accounts, API keys and tokens of ACTIVATE. Send an access token or API key as `Authorization: Bearer …`. Errors are RFC 9457 problem documents with a stable `code`.",
            };
            document.Servers = [new OpenApiServer { Url = context.ApplicationServices.GetRequiredService<PublicOrigin>().Value }];
            document.Components ??= new OpenApiComponents();
            document.Components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>
            {
                ["bearer"] = new OpenApiSecurityScheme { Type = SecuritySchemeType.Http, Scheme = "bearer", Description = "An access token or an API key." },
            };
            document.Security = [new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference("bearer", document)] = [] }];
            return Task.CompletedTask;
        });
    }
}
