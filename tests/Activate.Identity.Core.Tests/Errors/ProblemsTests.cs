using System.Reflection;
using Activate.Identity.Core.Errors;
using Activate.Identity.Core.Expiration;

namespace Activate.Identity.Core.Tests.Errors;

public sealed class ProblemsTests
{
    private static readonly ExpirationLimits s_limits = new(LifetimeUnit.Days, false, 90, 30);

    private static List<Problem> Catalogue =>
    [
        .. typeof(Problems).GetFields(BindingFlags.Public | BindingFlags.Static).Select(member => (Problem)member.GetValue(null)!),
        Problems.InsufficientScope("audit:read"),
        Problems.NameTaken("name", "an API key"),
        Problems.BeyondMaximum("expiresInDays", s_limits),
        Problems.ChoiceNotPermitted("expiresInDays", s_limits),
    ];

    [Fact]
    public void Every_code_is_snake_case_and_its_own()
    {
        Assert.All(Catalogue, problem => Assert.Matches("^[a-z]+(_[a-z]+)*$", problem.Code));
        Assert.Distinct(Catalogue.Select(problem => problem.Code));
    }

    [Fact]
    public void Every_detail_is_whole_sentences() => Assert.All(Catalogue, problem => Assert.Matches(@"^[A-Z].{40,}\.$", problem.Detail));

    [Theory]
    [InlineData("not_found", ProblemKind.NotFound)]
    [InlineData("invalid_credential", ProblemKind.Unauthenticated)]
    [InlineData("credential_required", ProblemKind.Unauthenticated)]
    [InlineData("two_credentials", ProblemKind.Invalid)]
    [InlineData("interactive_sign_in_required", ProblemKind.Refused)]
    [InlineData("insufficient_scope", ProblemKind.Refused)]
    [InlineData("name_taken", ProblemKind.Conflict)]
    [InlineData("expiration_beyond_maximum", ProblemKind.Refused)]
    [InlineData("expiration_choice_not_permitted", ProblemKind.Refused)]
    [InlineData("temporarily_unavailable", ProblemKind.Unavailable)]
    public void The_codes_of_the_contract_stay_and_keep_their_kind(string code, ProblemKind kind) =>
        Assert.Equal(kind, Assert.Single(Catalogue, problem => problem.Code == code).Kind);

    [Fact]
    public void Whoever_is_sent_away_for_a_while_is_told_for_how_long() =>
        Assert.All(Catalogue, problem => Assert.Equal(problem.Kind is ProblemKind.TooMany or ProblemKind.Unavailable, problem.RetryAfter > TimeSpan.Zero));

    [Fact]
    public void A_problem_of_a_field_names_it()
    {
        Assert.Equal("name", Problems.NameTaken("name", "an API key").Field);
        Assert.Equal("expiresInDays", Problems.BeyondMaximum("expiresInDays", s_limits).Field);
        Assert.Equal(new Problem(ProblemKind.Invalid, "c", "D.", "f"), Problems.Invalid("f", "c", "D."));
    }

    [Fact]
    public void A_result_is_the_value_or_the_problem()
    {
        Result<string> value = "yes";
        Assert.True(value.TryGet(out var got, out var none));
        Assert.Equal(("yes", null, null), (got, none, value.Problem));

        Result<string> problem = Problems.NotFound;
        Assert.False(problem.TryGet(out var nothing, out var why));
        Assert.Equal((null, Problems.NotFound, Problems.NotFound), (nothing, why, problem.Problem));
    }
}
