using System.Text.RegularExpressions;

namespace Activate.Identity.EndToEnd.Tests.Web;

/// <summary>A chapter of the manual. Its sentences are crossed off as they are played; none may be left over, and none may be made up.</summary>
internal sealed partial class Manual
{
    /// <summary>The manual's page, word for word.</summary>
    private const string Text = """
        Authentication
        Managing API Keys
        You can use an API key to access Parallel Works via its REST API.
        Please note that API keys act as an alternate means to access your account and should be treated with the same care as your login password.
        Create an API Key
        Navigate to your account settings (Username > Account).
        On the next page, click Authentication.
        Click API Keys.
        Click Add Key.
        Enter a Key Name for the new API key.
        If your organization permits users to select their own expiration date for API keys, use the Expiration dropdown menu to select when your key will expire. You can choose no expiration or a date in 7, 30, 60, or 90 days. Shorter expiration periods are more secure.
        Click Add Key.
        Your new API key will be displayed on the next page. You can use the copy button to copy and save the key in a secure place. Once you refresh or navigate away from this page, you won’t be able to see the key again.
        Delete an API Key
        Navigate to Account > Authentication > API Keys and click the delete icon to remove an API key from your ACTIVATE account.
        A dialog box will appear with more information about deleting your key. Click Delete API Key to confirm the deletion. The key will be removed from your account immediately.
        Managing Tokens
        You can create a short-term token and use it to authenticate our CLI after installing locally. These tokens last 24 hours, after which you will need to re-authenticate.
        Create a Token
        Navigate to your account settings (Username > Account).
        On the next page, click Authentication.
        Click API Keys.
        Click Generate Token.
        If your organization permits users to select their own expiration date for tokens, use the Expiration dropdown menu to select when your key will expire. You can choose from 1 hour up to 24 hours in 1-hour increments. Shorter expiration periods are more secure.
        Click Add Token.
        Your new token will be displayed on the next page. You can use the copy button to copy and save the key in a secure place. Once you refresh or navigate away from this page, you won’t be able to see the key again.
        Managing SSH Keys
        You can add an SSH key to your ACTIVATE account, which will allow you to log in to any active cluster from any device with that SSH key on it.
        Create an SSH Key
        Navigate to your account settings (Username > Account).
        On the next page, click Authentication.
        Click SSH Keys.
        Click Add Key.
        Use the Key Name field to give the key a unique name. Paste your public SSH key in the Key field.
        Click Add Key.
        You can now log in to any active cluster. Navigate to the terminal or command line on your device and enter ssh -i /path/to/ssh/private/key username@IPaddress
        :
        parallelworks@Parallels-Macbook-Air sshtest % ssh -i ./id_rsa demo@34.135.24.147
        Last failed login: Thu Mar 2 09:48:20 UTC 2023 from 60.94.197.104.bc.googleusercontent.com on ssh:notty
        [demo@democluster-70 ~]$
        Copy an SSH Key
        In Account > Authentication > SSH Keys, click the clipboard icon to copy your SSH key to your computer's clipboard.
        """;

    // What stands between the sentences: headings, and what a terminal showed its author.
    private static readonly string[] s_chapters = ["Managing API Keys", "Managing Tokens", "Managing SSH Keys"];
    private static readonly string[] s_noSentences =
    [
        "Authentication", "Create an API Key", "Delete an API Key", "Create a Token", "Create an SSH Key", "Copy an SSH Key", ":",
        "parallelworks@Parallels-Macbook-Air sshtest % ssh -i ./id_rsa demo@34.135.24.147",
        "Last failed login: Thu Mar 2 09:48:20 UTC 2023 from 60.94.197.104.bc.googleusercontent.com on ssh:notty",
        "[demo@democluster-70 ~]$",
    ];

    private readonly List<string> _left;

    public Manual(string chapter)
    {
        Assert.Contains(chapter, s_chapters);
        _left = [.. Text.Split('\n').SkipWhile(line => line != chapter).Skip(1).TakeWhile(line => !s_chapters.Contains(line))
            .Where(line => !s_noSentences.Contains(line)).SelectMany(line => BetweenSentences().Split(line))];
        Assert.NotEmpty(_left);
    }

    /// <summary>A sentence, with what it says done or checked. One that stands there twice is said twice.</summary>
    public async Task SayAsync(string sentence, Func<Task> play)
    {
        Assert.True(_left.Remove(sentence), $"The manual does not say '{sentence}' here, or not so often.");
        TestContext.Current.TestOutputHelper?.WriteLine(sentence);
        await play();
    }

    public void AssertAllSaid() => Assert.Empty(_left);

    [GeneratedRegex(@"(?<=\.) (?=[A-Z])")]
    private static partial Regex BetweenSentences();
}
