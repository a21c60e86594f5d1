using System.Diagnostics.CodeAnalysis;

namespace Activate.Identity.Core.Errors;

/// <summary>Either a value or the <see cref="Errors.Problem"/> that says why there is none.</summary>
public readonly struct Result<T> where T : notnull
{
    private readonly T? _value;

    private Result(T? value, Problem? problem) => (_value, Problem) = (value, problem);

    public Problem? Problem { get; }

    /// <summary>True with the value, false with the problem.</summary>
    public bool TryGet([NotNullWhen(true)] out T? value, [NotNullWhen(false)] out Problem? problem)
    {
        (value, problem) = (_value, Problem);
        return problem is null;
    }

#pragma warning disable CA2225 // The conversions are the constructors: "return value;" and "return problem;".
    public static implicit operator Result<T>(T value) => new(value, null);

    public static implicit operator Result<T>(Problem problem) => new(default, problem);
#pragma warning restore CA2225
}
