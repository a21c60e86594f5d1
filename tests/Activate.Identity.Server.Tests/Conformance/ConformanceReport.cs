using System.Globalization;
using System.Reflection;
using System.Text;

namespace Activate.Identity.Server.Tests.Conformance;

/// <summary>docs/conformance.md: what came of every module, written by the run itself and only when all of them ran. The same outcome makes the same file.</summary>
internal sealed class ConformanceReport
{
    private static readonly (Type Plan, string Title, string Text)[] s_plans =
    [
        (typeof(BasicOpTests), "Basic OP", "`oidcc-basic-certification-test-plan`, code flow, `client_secret_basic`. The suite sends these requests without PKCE: the application is one that is exempt from it ([api.md](api.md)), and all others stay bound to it."),
        (typeof(FormPostOpTests), "Form Post OP", "`oidcc-formpost-basic-certification-test-plan`: the same modules with `response_mode=form_post`. Every answer is a form that sends itself, under a Content-Security-Policy that allows that form's target and that script alone."),
        (typeof(ConfigOpTests), "Config OP", "`oidcc-config-certification-test-plan`."),
        (typeof(LogoutOpTests), "RP-Initiated Logout OP", "`oidcc-rp-initiated-logout-certification-test-plan`, and the two modules of `oidcc-backchannel-rp-initiated-logout-certification-test-plan` that begin with it."),
        (typeof(Fapi2Tests), "FAPI 2.0 Security Profile Final, as far as it goes without sender-constrained tokens",
            "Pushed requests, PKCE, `client_secret_basic` or `private_key_jwt`, access tokens as bearers. This is no claim to the profile, which binds access tokens to a key."),
    ];

    private const string Head = """
        # Conformance

        The modules of the [OpenID conformance suite](https://gitlab.com/openid/conformance-suite), written again as tests under the same names: HTTP, a cookie jar and forms that are filled in, against the
        running server with an https issuer. Where the suite asks for a screenshot, the test looks at the page, and that nothing was sent to the application. The suite itself was not run, and this is no certification.

        This page is written by the test run (`tests/Activate.Identity.Server.Tests/Conformance`): change the tests, not the page.

        """;

    private const string Tail = """
        ## Not tried
        - `dpop-*`, `ensure-holder-of-key-required`: access tokens are bearer tokens, there is no DPoP; certificates of clients would need TLS that ends at the server.
        - Modules about signed request objects and JARM: neither is offered (`request_parameter_supported` is false).
        - The plans for implicit and hybrid flows, dynamic registration, session management and front-channel logout: none of these exists here.
        - Variants of FAPI for single countries.
        """;

    private readonly Dictionary<(Type Plan, string Module), (string Outcome, string Note)> _outcomes = [];

    public void Add(Type plan, string module, string outcome, string note) => _outcomes[(plan, module)] = (outcome, note);

    /// <summary>The modules of a plan in its order: that in which its class lists them.</summary>
    private static IEnumerable<string> Modules(Type plan) => plan.GetMethods().Select(method => (method, module: method.GetCustomAttribute<ModuleAttribute>())).Where(pair => pair.module is not null)
        .OrderBy(pair => pair.method.MetadataToken).Select(pair => pair.module!.Name);

    public void Write()
    {
        if (s_plans.Any(plan => Modules(plan.Plan).Any(module => !_outcomes.ContainsKey((plan.Plan, module)))) || Find() is not { } file)
            return;
        var text = Text();
        if (!File.Exists(file) || File.ReadAllText(file) != text)
            File.WriteAllText(file, text);
    }

    private string Text()
    {
        var text = new StringBuilder(Head).Append('\n');
        text.Append("| plan | modules | pass | skip | fail |\n|---|---|---|---|---|\n");
        foreach (var (plan, title, _) in s_plans)
        {
            var outcomes = Modules(plan).Select(module => _outcomes[(plan, module)].Outcome).ToList();
            text.Append(CultureInfo.InvariantCulture, $"| {title} | {outcomes.Count} | {outcomes.Count(o => o == "pass")} | {outcomes.Count(o => o == "skip")} | {outcomes.Count(o => o is not ("pass" or "skip"))} |\n");
        }

        foreach (var (plan, title, about) in s_plans)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n## {title}\n{about}\n\n| module | outcome | |\n|---|---|---|\n");
            foreach (var module in Modules(plan))
                text.Append(CultureInfo.InvariantCulture, $"| `{module}` | {_outcomes[(plan, module)].Outcome} |{(_outcomes[(plan, module)].Note is { Length: > 0 } note ? $" {note}" : "")} |\n");
        }

        return text.Append('\n').Append(Tail).Append('\n').ToString().ReplaceLineEndings("\n");
    }

    /// <summary>Beside the solution that the tests were built from; null when they run elsewhere.</summary>
    private static string? Find()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Activate.Identity.sln")))
                return Path.Combine(folder.FullName, "docs", "conformance.md");
        }

        return null;
    }
}
