namespace Activate.Identity.Server.SecondFactors;

/// <summary>A second factor that somebody has just proved to hold, on its way into their account.</summary>
/// <param name="Word">What it is, for people and the audit log.</param>
/// <param name="Name">What its owner calls it; null: there is one of its kind.</param>
/// <param name="Methods">What a sign-in amounts to in which it was proved, after these methods.</param>
/// <param name="Row">What is stored.</param>
public sealed record NewFactor(string Word, string? Name, Func<string, string> Methods, object Row);

/// <summary>A second factor was added.</summary>
/// <param name="RecoveryCodes">With the first one: codes on paper, in this answer and never again.</param>
public sealed record FactorAdded(IReadOnlyList<string>? RecoveryCodes)
{
    /// <summary>Holds the codes: not to be printed.</summary>
    public override string ToString() => "second factor";
}
