using System.Globalization;
using Activate.Identity.Core.Errors;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;

namespace Activate.Identity.Server.Web;

/// <summary>What pages answer beside themselves.</summary>
public static class PageAnswers
{
    /// <summary>303 after a form: the browser follows with GET and never sends the form (a password) again.</summary>
    public static IActionResult SeeOther(this PageModel page, string localAddress)
    {
        page.Response.Headers.Location = localAddress;
        return new StatusCodeResult(StatusCodes.Status303SeeOther);
    }

    /// <summary>Puts a problem beside its field, or on top of the form, and its status on the answer.</summary>
    /// <param name="page">The page to be shown again.</param>
    /// <param name="problem">What was wrong.</param>
    /// <param name="field">The form's name of the field where it is not just the problem's with a capital.</param>
    public static void Show(this PageModel page, Problem problem, string? field = null)
    {
        field ??= problem.Field is { Length: > 0 } name ? char.ToUpperInvariant(name[0]) + name[1..] : "";
        page.ModelState.AddModelError(field, problem.Detail);
        page.Response.StatusCode = problem.StatusCode();
        if (problem.RetryAfter is { } wait)
            page.Response.Headers.RetryAfter = Math.Ceiling(wait.TotalSeconds).ToString(CultureInfo.InvariantCulture);
    }
}

/// <summary>A labelled input of a form (Web/Field.cshtml). A password's value is never given: it is not sent back.</summary>
public sealed record Field(string Name, string Label, string? Value, string Type = "text", string? Autocomplete = null, string? Hint = null, bool Focus = false);
