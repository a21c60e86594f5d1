using System.Diagnostics.CodeAnalysis;
using Activate.Identity.Testing;

namespace Activate.Identity.Server.Tests.Conformance;

/// <summary>One test plan of the suite: its methods are the modules, in the order of the plan. What came of each of them is kept for docs/conformance.md.</summary>
[Collection<ConformanceCollection>]
public abstract class ConformanceTests : IAsyncLifetime
{
    private string _note = "";
    private bool _skipped;

    private protected ConformanceTests(ConformanceServer shared)
    {
        Shared = shared;
        // No module sees the sign-ins of another as its own moment.
        Server.Clock!.Advance(TimeSpan.FromMinutes(2));
    }

    private protected TestServer Server => Shared.Server;

    private protected Discovery Discovery => Shared.Discovery;

    /// <summary>A browser without cookies, of the person that all modules sign in.</summary>
    private protected Browser Nobody() => Server.Browser();

    private protected ConformanceServer Shared { get; }

    private protected async Task<RelyingParty> RegisterAsync(bool pkce = false, bool formPost = false) =>
        new(Server, Discovery, await Shared.RegisterAsync(pkceExempt: !pkce), ConformanceServer.Secret, pkce, formPost);

    /// <summary>What the table says beside the outcome.</summary>
    private protected void Note(string note) => _note = note;

    [DoesNotReturn]
    private protected void Skip(string why)
    {
        (_skipped, _note) = (true, why);
        Assert.Skip(why);
    }

    public ValueTask InitializeAsync() => default;

    public ValueTask DisposeAsync()
    {
        var outcome = _skipped ? "skip" : TestContext.Current.TestState?.Result == TestResult.Passed ? "pass" : "**fail**";
        Shared.Results.Add(GetType(), TestContext.Current.Test!.TestDisplayName, outcome, _note);
        GC.SuppressFinalize(this);
        return default;
    }
}
