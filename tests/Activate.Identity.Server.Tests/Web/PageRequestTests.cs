using System.Net;
using System.Net.Http;
using System.Text;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Server.Tests.Connect;
using Activate.Identity.Testing;

namespace Activate.Identity.Server.Tests.Web;

/// <summary>What no form of ours sends to a page: other methods, handlers that do not exist, bodies that are no form. The caller's fault, never the server's.</summary>
public sealed class PageRequestTests(SharedServer fixture) : IClassFixture<SharedServer>
{
    private readonly TestServer _server = fixture.Server;

    public static TheoryData<string> Pages => new(
        "/", "/sign-in", "/sign-out", "/device", "/account/profile", "/account/authentication/api-keys", "/account/authentication/api-keys/add", "/account/authentication/api-keys/generate-token",
        "/account/authentication/ssh-keys", "/account/authentication/ssh-keys/add", "/organization/policy",
        "/organization/members", "/organization/members/invite", "/account/profile/leave");

    [Theory, Trait("Case", "B6")]
    [MemberData(nameof(Pages))]
    public async Task Methods_other_than_those_of_a_page_are_refused(string path)
    {
        var (_, browser) = await fixture.NewUserAsync(Role.Admin);
        foreach (var method in (string[])["OPTIONS", "TRACE"])
        {
            await browser.SendAsync(new HttpRequestMessage(new HttpMethod(method), new Uri(_server.Origin, path)));
            Assert.Equal((method, HttpStatusCode.MethodNotAllowed), (method, browser.Response.StatusCode));
            Assert.Equal("GET, HEAD, POST", string.Join(", ", browser.Response.Content.Headers.Allow));
        }

        await browser.SendAsync(new HttpRequestMessage(HttpMethod.Head, new Uri(_server.Origin, path)));
        // Who is signed in is sent on from the sign-in page.
        Assert.Equal((path == "/sign-in" ? HttpStatusCode.Found : HttpStatusCode.OK, ""), (browser.Response.StatusCode, browser.Body));
    }

    [Theory, Trait("Case", "B6")]
    [InlineData("/")]
    [InlineData("/organization/policy")]
    [InlineData("/account/authentication/api-keys")]
    [InlineData("/account/authentication/ssh-keys")]
    [InlineData("/account/profile")]
    public async Task A_form_for_which_the_page_has_no_handler_is_refused(string path)
    {
        var (_, browser) = await fixture.NewUserAsync(Role.Admin);
        var token = await TokenAsync(browser);
        foreach (var query in (string[])["", "?handler=Nothing"])
        {
            await browser.SendAsync(new HttpRequestMessage(HttpMethod.Post, new Uri(_server.Origin, path + query)) { Content = new FormUrlEncodedContent([KeyValuePair.Create("__RequestVerificationToken", token)]) });
            Assert.Equal(HttpStatusCode.MethodNotAllowed, browser.Response.StatusCode);
            Assert.Contains("That did not work", browser.PageText, StringComparison.Ordinal);
        }
    }

    [Theory, Trait("Case", "B1")]
    [InlineData("[[[")]
    [InlineData("Username[")]
    [InlineData("a[b]]")]
    public async Task A_field_of_a_name_that_no_form_has_is_ignored(string name)
    {
        using var browser = _server.Browser();
        await browser.GoAsync($"/sign-in?{Uri.EscapeDataString(name)}=1");
        Assert.Equal(HttpStatusCode.OK, browser.Response.StatusCode);
        await browser.SubmitAsync("Sign in", ("Username", TestServer.OwnerName), ("Password", TestServer.OwnerPassword), ($"!{name}", "1"));
        Assert.Equal("/", browser.Address.AbsolutePath);
    }

    [Theory, Trait("Case", "B1")]
    [InlineData("text/plain", "Username=a", 415)]
    [InlineData("application/json", "{}", 415)]
    [InlineData("", "", 415)]
    [InlineData("multipart/form-data", "x", 400)]
    [InlineData("multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=Username\r\n\r\nhalf", 400)]
    [InlineData("multipart/form-data; boundary=b", "--b\r\n:\r\n\r\nx\r\n--b--", 400)]
    [InlineData("multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"Username\"; filename=\"x\"\r\n\r\nx\r\n--b--", null)]
    [InlineData("application/x-www-form-urlencoded; charset=foo", "Username=a&Password=b", null)]
    [InlineData("application/x-www-form-urlencoded", "Username=%&Password=%zz&%ff=%00", null)]
    [InlineData("application/x-www-form-urlencoded", "Username=%ED%A0%80&Password=%C0%80", null)]
    public async Task A_body_that_is_no_form_is_the_callers_fault_also_with_the_token_in_a_header(string type, string body, int? status)
    {
        var (_, browser) = await fixture.NewUserAsync(Role.Admin);
        var token = await TokenAsync(browser);
        foreach (var path in (string[])["/sign-in", "/account/authentication/ssh-keys/add", "/account/authentication/api-keys/add", "/account/authentication/api-keys/generate-token", "/organization/policy?handler=Apply",
                     "/device", "/device?handler=Allow", "/account/authentication/ssh-keys?handler=Delete"])
        {
            using var content = new ByteArrayContent(Encoding.Latin1.GetBytes(body));
            content.Headers.TryAddWithoutValidation("Content-Type", type);
            var request = new HttpRequestMessage(HttpMethod.Post, new Uri(_server.Origin, path)) { Content = content };
            request.Headers.Add("RequestVerificationToken", token);
            await browser.SendAsync(request);
            Assert.True(status is null ? (int)browser.Response.StatusCode < 500 : status == (int)browser.Response.StatusCode, $"{path}: {(int)browser.Response.StatusCode}");
        }
    }

    private static async Task<string> TokenAsync(Browser browser)
    {
        await browser.GoAsync("/sign-out");
        return browser.Page.QuerySelector("input[name=__RequestVerificationToken]")!.GetAttribute("value")!;
    }
}
