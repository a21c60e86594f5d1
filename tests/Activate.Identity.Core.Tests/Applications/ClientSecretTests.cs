using System.Text.RegularExpressions;
using Activate.Identity.Core.Applications;

namespace Activate.Identity.Core.Tests.Applications;

public class ClientSecretTests
{
    [Fact]
    public void A_secret_has_its_form_and_is_not_shown_by_accident()
    {
        var secret = ClientSecret.Generate();
        Assert.Matches($"^{ClientSecret.Pattern}$", secret.Reveal());
        Assert.True(ClientSecret.IsWellFormed(secret.Reveal()));
        Assert.Equal(secret.Reveal()[^4..], secret.Last4);
        Assert.DoesNotContain(secret.Reveal()[4..^4], secret.ToString(), StringComparison.Ordinal);
        Assert.NotEqual(secret.Reveal(), ClientSecret.Generate().Reveal());
        Assert.Equal(32, ClientSecret.Hash(secret.Reveal()).Length);
    }

    [Fact]
    public void Whatever_was_mistyped_has_not_its_form()
    {
        var text = ClientSecret.From(new string('0', 43)).Reveal();
        for (var i = 0; i < text.Length; i++)
            Assert.False(ClientSecret.IsWellFormed($"{text[..i]}{(text[i] == 'x' ? 'y' : 'x')}{text[(i + 1)..]}"), $"at {i}");
        foreach (var other in (string[])["", "pws_", text[..^1], text + "0", " " + text, text.ToUpperInvariant(), Regex.Replace(text, "^pws_", "pwt_")])
            Assert.False(ClientSecret.IsWellFormed(other), other);
    }
}
