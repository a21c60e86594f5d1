using System.Security.Claims;
using Activate.Identity.AspNetCore;

var builder = WebApplication.CreateBuilder(args);
builder.Services.AddActivateIdentity();
var app = builder.Build();

// For everybody.
app.MapGet("/", () => "This is a resource server.");

// For whoever has an access token or an API key.
app.MapGet("/whoami", (ClaimsPrincipal user) => user.Claims.GroupBy(claim => claim.Type).ToDictionary(claims => claims.Key, claims => claims.Select(claim => claim.Value)))
    .RequireAuthorization();

// For those that have the scope.
app.MapGet("/jobs", (ClaimsPrincipal user) => $"The jobs of {user.Identity?.Name}.").RequireScope("platform");
app.MapGet("/audit", () => "Who did what.").RequireScope("platform").RequireScope("audit:read");

app.Run();
