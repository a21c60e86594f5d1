using System.Net;
using Activate.Identity.Testing;
using AngleSharp.Html.Dom;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Authentication.OpenIdConnect;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Activate.Identity.EndToEnd.Tests.Clients;

/// <summary>Applications of third parties on ASP.NET Core, with Microsoft's own handlers.</summary>
internal static class AspNetCoreProgram
{
    /// <summary>A page for people who signed in, as the handler's documentation builds it.</summary>
    public static Task<WebApplication> StartPortalAsync(Uri home, Action<OpenIdConnectOptions> configure) => StartAsync(home, services => services
        .AddAuthentication(options => (options.DefaultScheme, options.DefaultChallengeScheme) = (CookieAuthenticationDefaults.AuthenticationScheme, OpenIdConnectDefaults.AuthenticationScheme))
        .AddCookie()
        .AddOpenIdConnect(options =>
        {
            options.RequireHttpsMetadata = false;
            // For a trial on plain http; otherwise browsers send these back over https only.
            options.CorrelationCookie.SecurePolicy = options.NonceCookie.SecurePolicy = CookieSecurePolicy.SameAsRequest;
            options.ResponseType = "code";
            options.MapInboundClaims = false;
            options.SaveTokens = true;
            options.GetClaimsFromUserInfoEndpoint = true;
            options.Scope.Add("email");
            options.Scope.Add("offline_access");
            options.TokenValidationParameters.NameClaimType = "preferred_username";
            options.Events.OnRemoteFailure = context =>
            {
                context.HandleResponse();
                context.Response.StatusCode = StatusCodes.Status403Forbidden;
                return context.Response.WriteAsync($"Not signed in: {context.Failure?.Message}");
            };
            configure(options);
        }), app =>
    {
        app.MapGet("/", (HttpContext context) => $"Hello, {context.User.Identity!.Name}, {context.User.FindFirst("email")?.Value}").RequireAuthorization();
        // A Delegate: as a RequestDelegate its result would be thrown away.
        app.MapGet("/refresh-token", (Delegate)(async (HttpContext context) => await context.GetTokenAsync("refresh_token"))).RequireAuthorization();
        app.MapGet("/sign-out", () => Results.SignOut(new AuthenticationProperties { RedirectUri = "/goodbye" },
            [CookieAuthenticationDefaults.AuthenticationScheme, OpenIdConnectDefaults.AuthenticationScheme]));
    });

    /// <summary>An API that checks access tokens by itself.</summary>
    public static Task<WebApplication> StartApiAsync(Uri home, Action<JwtBearerOptions> configure) => StartAsync(home, services => services
        .AddAuthentication(JwtBearerDefaults.AuthenticationScheme)
        .AddJwtBearer(options =>
        {
            options.RequireHttpsMetadata = false;
            options.MapInboundClaims = false;
            options.TokenValidationParameters.ValidTypes = ["at+jwt"];
            configure(options);
        }), app => app.MapGet("/", (HttpContext context) => context.User.FindFirst("sub")!.Value).RequireAuthorization());

    private static async Task<WebApplication> StartAsync(Uri home, Action<IServiceCollection> services, Action<WebApplication> map)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls(home.ToString());
        builder.Services.AddDataProtection().UseEphemeralDataProtectionProvider();
        builder.Services.AddAuthorization();
        services(builder.Services);
        var app = builder.Build();
        app.UseAuthentication();
        app.UseAuthorization();
        map(app);
        await app.StartAsync();
        return app;
    }
}

/// <summary>Somebody at a third party's pages: cookies, no redirects.</summary>
internal sealed class Guest(Uri home) : IDisposable
{
    private readonly HttpClient _client = new(new HttpClientHandler { AllowAutoRedirect = false, CookieContainer = new CookieContainer() }) { BaseAddress = home };

    public Task<Answer> GoAsync(string address, string? bearer = null) =>
        SendAsync(new HttpRequestMessage(HttpMethod.Get, address) { Headers = { Authorization = bearer is null ? null : new("Bearer", bearer) } });

    /// <summary>Carries what the server answered back to the application, as the browser does: by a redirect, or by the form of form_post.</summary>
    public Task<Answer> ReturnAsync(Browser browser)
    {
        if (browser.Response.Headers.Location is { } address)
            return GoAsync(address.ToString());
        var form = Assert.IsAssignableFrom<IHtmlFormElement>(browser.Page.QuerySelector("form"));
        return SendAsync(new HttpRequestMessage(HttpMethod.Post, form.Action)
        {
            Content = new FormUrlEncodedContent(form.Elements.OfType<IHtmlInputElement>().Where(input => input.Name is not null).Select(input => KeyValuePair.Create(input.Name!, input.Value))),
        });
    }

    public void Dispose() => _client.Dispose();

    private async Task<Answer> SendAsync(HttpRequestMessage request)
    {
        using (request)
            return await Answer.FromAsync(await _client.SendAsync(request));
    }
}
