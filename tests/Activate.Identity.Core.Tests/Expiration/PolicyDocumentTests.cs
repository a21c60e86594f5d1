using System.Text.Json;
using Activate.Identity.Core.Expiration;

namespace Activate.Identity.Core.Tests.Expiration;

public sealed class PolicyDocumentTests
{
    /// <summary>The contract's example, §6.</summary>
    private const string Contract = """
        { "apiKeys": { "userChoice": true, "maximumDays": null, "defaultDays": 30 }, "tokens": { "userChoice": true, "maximumHours": 24, "defaultHours": 24 },
          "sshKeys": { "userChoice": true, "maximumDays": null, "defaultDays": null }, "deviceLogin": { "enabled": true }, "requireTwoFactor": false,
          "webSessions": { "maximumHours": 168, "idleMinutes": 720 }, "applications": { "allowed": "all", "refreshMaximumDays": 90 }, "unused": { "endAfterDays": null }, "clusters": { "outageMinutes": 10 } }
        """;

    [Fact]
    public void A_fresh_organization_is_the_contracts_example_to_the_letter()
    {
        using var expected = JsonDocument.Parse(Contract);
        Assert.Equal(JsonSerializer.Serialize(expected.RootElement), PolicyDocument.Of(Policy.Fresh).Text);
        Assert.Equal(Policy.Fresh, Parse(Contract).Over(Policy.Unlimited, RuleOwner.Organization));
    }

    [Fact]
    public void An_absent_member_is_inherited_and_null_is_no_limit()
    {
        var policy = Parse("""{"apiKeys":{"defaultDays":null},"webSessions":{"idleMinutes":null}}""").Over(Policy.Fresh, RuleOwner.Organization);
        Assert.Equal(Policy.Fresh with { ApiKeys = Policy.Fresh.ApiKeys with { Default = null }, WebSessions = new WebSessionLimits(168, null) }, policy);
        Assert.Equal(Policy.Fresh, Parse("{}").Over(Policy.Fresh, RuleOwner.Organization));
        Assert.Equal("""{"apiKeys":{"defaultDays":null},"webSessions":{"idleMinutes":null}}""", Parse("""{"webSessions":{"idleMinutes":null}, "apiKeys":{"defaultDays":null}}""").Text);
    }

    [Fact]
    public void Every_member_survives_being_written_and_read()
    {
        var random = new Random(7);
        for (var i = 0; i < 500; i++)
        {
            var members = PolicyMember.All.Where(_ => random.Next(3) > 0)
                .Select(member => KeyValuePair.Create(member, (int?)(member.Kind == PolicyMemberKind.Flag ? random.Next(2) : random.Next(member.Smallest, member.Largest + 1))))
                .Select(pair => pair.Key.Kind == PolicyMemberKind.Limit && random.Next(4) == 0 ? KeyValuePair.Create(pair.Key, (int?)null) : pair);
            var document = PolicyDocument.From(members);
            Assert.Equal(document.Text, Parse(document.Text).Text);
            Assert.Equal(document.Over(Policy.Fresh, RuleOwner.Organization), Parse(document.Text).Over(Policy.Fresh, RuleOwner.Organization));
        }
    }

    [Theory]
    [InlineData("[]", "policy")]
    [InlineData("null", "policy")]
    [InlineData("""{"apiKey":{}}""", "policy")]
    [InlineData("""{"apiKeys":{"maximumHours":3}}""", "policy")]
    [InlineData("""{"apiKeys":null}""", "policy.apiKeys")]
    [InlineData("""{"apiKeys":30}""", "policy.apiKeys")]
    [InlineData("""{"apiKeys":{"maximumDays":0}}""", "policy.apiKeys.maximumDays")]
    [InlineData("""{"apiKeys":{"maximumDays":-1}}""", "policy.apiKeys.maximumDays")]
    [InlineData("""{"apiKeys":{"maximumDays":1.5}}""", "policy.apiKeys.maximumDays")]
    [InlineData("""{"apiKeys":{"maximumDays":1e400}}""", "policy.apiKeys.maximumDays")]
    [InlineData("""{"apiKeys":{"maximumDays":36501}}""", "policy.apiKeys.maximumDays")]
    [InlineData("""{"apiKeys":{"maximumDays":"30"}}""", "policy.apiKeys.maximumDays")]
    [InlineData("""{"apiKeys":{"userChoice":null}}""", "policy.apiKeys.userChoice")]
    [InlineData("""{"apiKeys":{"userChoice":1}}""", "policy.apiKeys.userChoice")]
    [InlineData("""{"tokens":{"maximumHours":25}}""", "policy.tokens.maximumHours")]
    [InlineData("""{"applications":{"allowed":"some"}}""", "policy.applications.allowed")]
    [InlineData("""{"applications":{"allowed":null}}""", "policy.applications.allowed")]
    [InlineData("""{"applications":{"allowed":"\ud800"}}""", "policy.applications.allowed")]
    [InlineData("""{"\ud800":{}}""", "policy")]
    [InlineData("""{"apiKeys":{"\udc00":1}}""", "policy")]
    [InlineData("""{"requireTwoFactor":"no"}""", "policy.requireTwoFactor")]
    [InlineData("""{"requireTwoFactor":false,"requireTwoFactor":true}""", "policy.requireTwoFactor")]
    [InlineData("""{"maximumDays":3}""", "policy")]
    public void What_means_nothing_is_refused_by_name(string json, string field)
    {
        using var document = JsonDocument.Parse(json);
        var problem = PolicyDocument.Parse(document.RootElement).Problem;
        Assert.Equal(("policy_invalid", field), (problem?.Code, problem?.Field));
    }

    [Fact]
    public void Changes_are_told_member_by_member()
    {
        var before = PolicyDocument.Of(Policy.Fresh);
        Assert.Equal("", before.ChangesFrom(before));
        Assert.Equal("apiKeys.maximumDays null → 30, deviceLogin.enabled true → inherited, applications.allowed \"all\" → \"none\"",
            Parse(before.Text.Replace("\"maximumDays\":null,\"defaultDays\":30", "\"maximumDays\":30,\"defaultDays\":30", StringComparison.Ordinal)
                .Replace("\"deviceLogin\":{\"enabled\":true},", "", StringComparison.Ordinal).Replace("\"all\"", "\"none\"", StringComparison.Ordinal)).ChangesFrom(before));
    }

    [Fact]
    public void A_limit_names_whose_it_is()
    {
        var own = Parse("""{"apiKeys":{"maximumDays":30},"tokens":{"maximumHours":24},"sshKeys":{"maximumDays":9}}""").Over(Policy.Fresh, RuleOwner.Organization);
        Assert.Equal((RuleOwner.Organization, RuleOwner.Product, RuleOwner.Organization), (own.ApiKeys.MaximumFrom, own.Tokens.MaximumFrom, own.SshKeys.MaximumFrom));
        Assert.Equal(RuleOwner.Server, Parse("""{"tokens":{"maximumHours":3}}""").Over(Policy.Unlimited, RuleOwner.Server).Tokens.MaximumFrom);
    }

    private static PolicyDocument Parse(string json)
    {
        using var document = JsonDocument.Parse(json);
        return PolicyDocument.Parse(document.RootElement).TryGet(out var policy, out var problem) ? policy : throw new InvalidOperationException(problem.Detail);
    }
}
