namespace Activate.Identity.Server.SecondFactors;

/// <summary>A form that a passkey fills in (SecondFactors/PasskeyForm.cshtml). Hidden without JavaScript.</summary>
/// <param name="Challenge">What the browser is asked for.</param>
/// <param name="Handler">Of the page.</param>
/// <param name="Button">What is clicked.</param>
public sealed record PasskeyForm(PasskeyChallenge Challenge, string Handler, string Button)
{
    /// <summary>Makes a new one, which gets a name.</summary>
    public bool Creates { get; init; }

    /// <summary>The name proposed for a new one.</summary>
    public string? Name { get; init; }

    /// <summary>The browser proposes passkeys in the field for the username as well.</summary>
    public bool Proposes { get; init; }

    /// <summary>What one does first on this page.</summary>
    public bool Primary { get; init; }
}
