using Activate.Identity.Core;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Data.ApiKeys;
using Activate.Identity.Data.SshKeys;
using Activate.Identity.Server.Web;

namespace Activate.Identity.Server.Mail;

/// <summary>A credential that ends soon, as its letter names it.</summary>
internal sealed record EndingCredential(CredentialKind Kind, string Name, DateTime ExpiresAt);

/// <summary>What every mail says, all in one place. Links lead to pages of ours; those with a code are made where the code is.</summary>
public sealed class Letters(PublicOrigin origin)
{
    private const string NotYou = "If it was not you, or nobody whom you asked to, delete it at once, change your password, and tell an administrator of your organization.";

    private const string NotYours = "If it was not you, somebody else can get at your account: set a new password with “Forgotten password” on the sign-in page, and tell an administrator of your organization.";

    internal Letter Invitation(string organization, string username, Role role, string url, DateTime until) => new(
        "You are invited to ACTIVATE", $"{organization} invites you to ACTIVATE. Open the link, choose a password, and you are in.")
    {
        Facts = [new("Organization", organization), new("Username", username), new("Role", role.Word()), new("Until", Letter.Time(until))],
        Link = new LetterLink("Take the invitation up", url),
        Advice = "The link works once and makes whoever opens it this person: do not pass it on. If you do not know what this is about, ignore it.",
        Reason = $"You get this mail because an administrator of {organization} gave your address on {origin.Host}.",
    };

    internal Letter ApiKeyCreated(ApiKey key) => new("New API key", "A new API key can be used for your account.")
    {
        Facts = [new("Key", key.Name), new("Ends with", key.Last4), new("Scopes", key.Scopes), Expires(key.ExpiresAt)],
        Link = Page("See your API keys", "/account/authentication/api-keys"),
        Advice = NotYou,
    };

    internal Letter ApiKeyRotated(string name, string last4, DateTime end) => new("New secret of an API key", "An API key has got a new secret. The one before ends soon.")
    {
        Facts = [new("Key", name), new("Ends with", last4), new("The secret before works until", Letter.Time(end))],
        Link = Page("See your API keys", "/account/authentication/api-keys"),
        Advice = NotYou,
    };

    internal Letter SshKeyAdded(SshKey key, string fingerprint) => new("New SSH key", "A new SSH key opens your account on the clusters.")
    {
        Facts = [new("Key", key.Name), new("Fingerprint", fingerprint), Expires(key.ExpiresAt)],
        Link = Page("See your SSH keys", "/account/authentication/ssh-keys"),
        Advice = NotYou,
    };

    internal Letter DeviceLogin(string name, DateTime until) => new("New device login", "A device that was not seen before has logged in to your account.")
    {
        Facts = [new("Calls itself", name), new("Until", Letter.Time(until))],
        Link = Page("See and end it", "/account/connected-apps"),
        Advice = NotYou,
    };

    internal Letter ApplicationAllowed(string application, IEnumerable<string> scopes) => new("An application may use your account", "You allowed an application to act for you.")
    {
        Facts = [new("Application", application), new("It may", string.Join("; ", scopes.Select(scope => Scopes.Descriptions[scope])))],
        Link = Page("See and end it", "/account/connected-apps"),
        Advice = NotYou,
    };

    /// <param name="what">"API key", "token" or "device login".</param>
    /// <param name="name">What its owner called it.</param>
    /// <param name="old">It was the secret before the last rotation.</param>
    internal Letter Leaked(string what, string name, bool old) => new("A leaked credential was ended",
        old ? "The earlier secret of an API key was found where it does not belong, and ended. The newest one goes on." : $"Somebody found a secret of yours where it does not belong, and reported it. This {what} ended at once.")
    {
        Facts = [new("What", what), new("Name", name)],
        Link = Page("See what you have", "/account/authentication"),
        Advice = "Whoever else found it may have used it until now: look at what it could do. Make a new one if you need it, and keep it out of repositories, tickets and chats.",
    };

    internal Letter SecretLeaked(string application) => new("A client secret was leaked", "The client secret of an application was found where it does not belong. It still works: ending it would sign everybody out.")
    {
        Facts = [new("Application", application)],
        Link = Page("Give it a new secret", "/organization/applications"),
        Advice = "Give the application a new secret now; the old one ends after the time you choose.",
    };

    internal Letter EndingSoon(int days, string account, IReadOnlyList<EndingCredential> ending) => new(
        days == 1 ? "Keys end within a day" : $"Keys end within {days} days", ending.Count == 1 ? "A key ends soon. Nothing is to be done if you do not need it any more." : "Some keys end soon. Nothing is to be done about those you do not need any more.")
    {
        Facts = [new("Account", account), .. ending.OrderBy(e => e.ExpiresAt).Select(e => new Fact($"{e.Kind.Noun()} “{e.Name}”", $"ends {Letter.Time(e.ExpiresAt)}"))],
        Link = Page("See your keys", "/account/authentication"),
        Advice = "A key cannot be made to last longer. Make a new one, put it where the old one is used, and look at “last used” before you let the old one end.",
    };

    internal static Letter ResetPassword(string username, string url, DateTime until) => new("Set a new password", "Somebody, we hope you, asked to set a new password for your account.")
    {
        Facts = [new("Account", username), new("Until", Letter.Time(until))],
        Link = new LetterLink("Set a new password", url),
        Advice = "The link works once. If it was not you, ignore this mail: your password stays as it is.",
    };

    internal Letter ConfirmEmail(string username, string url, DateTime until) => new("Confirm your e-mail address", "Open the link, signed in to your account, to confirm that this address is yours.")
    {
        Facts = [new("Account", username), new("Until", Letter.Time(until))],
        Link = new LetterLink("Confirm the address", url),
        Advice = "The link works once. If you do not know what this is about, ignore it.",
        Reason = $"You get this mail because somebody who is signed in as {username} on {origin.Host} gave this address.",
    };

    /// <summary>To the old address too: whoever took an account over must not be the only one who hears of it.</summary>
    internal Letter EmailChanged(string? before, string after) => new("Your e-mail address was changed", "Mail about your account goes to another address from now on, and so do links that set a new password.")
    {
        Facts = [new("Before", before ?? "none"), new("Now", after)],
        Link = Page("See your profile", "/account/profile"),
        Advice = "If it was not you, somebody else has your account: tell an administrator of your organization now.",
    };

    internal Letter PasswordChanged() => new("Your password was changed", "Your account has a new password. Every browser was signed out but the one that changed it, and so was every application. Keys and device logins go on.")
    {
        Link = Page("Sign in", "/sign-in"),
        Advice = NotYours,
    };

    internal Letter PasswordReset() => new("A new password was set", "The password of your account was set anew by a link that was mailed to you. Every browser and application was signed out. Keys and device logins go on.")
    {
        Link = Page("See your keys and device logins", "/account/authentication"),
        Advice = NotYours,
    };

    /// <param name="what">"passkey" or "authenticator app".</param>
    /// <param name="name">What its owner called it, if anything.</param>
    internal Letter SecondFactorAdded(string what, string? name) => new("New second factor", "From now on it is asked for after your password, or signs you in.")
    {
        Facts = Factor(what, name),
        Link = Page("See how you sign in", "/account/security"),
        Advice = NotYours,
    };

    internal Letter SecondFactorRemoved(string what, string? name) => new("A second factor was removed", "It signs you in no more.")
    {
        Facts = Factor(what, name),
        Link = Page("See how you sign in", "/account/security"),
        Advice = NotYours,
    };

    internal Letter SecondFactorReset() => new("Your second factors were reset",
        "An administrator of your organization took authenticator app, passkeys and recovery codes from your account. Every browser was signed out. Your password stays; sign in and set up another second factor.")
    {
        Link = Page("Set one up", "/account/security"),
        Advice = "If you did not ask for it, call an administrator of your organization: until you set another one up, the password alone opens your account.",
    };

    /// <param name="left">How many there still are.</param>
    internal Letter RecoveryCodeUsed(int left) => new("A recovery code was used", "Somebody, we hope you, signed in with a recovery code in place of the second factor.")
    {
        Facts = [new("Codes left", $"{left}")],
        Link = Page("Make new codes", "/account/security"),
        Advice = NotYours,
    };

    internal Letter SignInConnected(string provider) => new("Another way to sign in", "Your account was connected to your organization's sign-in. From now on it opens your account, too.")
    {
        Facts = [new("Sign-in", provider)],
        Link = Page("See how you sign in", "/account/security"),
        Advice = NotYours,
    };

    internal Letter SignInDisconnected(string provider) => new("A way to sign in was removed", "Your account is not connected to your organization's sign-in any more.")
    {
        Facts = [new("Sign-in", provider)],
        Link = Page("See how you sign in", "/account/security"),
        Advice = NotYours,
    };

    private static List<Fact> Factor(string what, string? name) => name is null ? [new("What", what)] : [new("What", what), new("Name", name)];

    private static Fact Expires(DateTime? end) => new("Expires", end is { } at ? Letter.Time(at) : "never");

    private LetterLink Page(string label, string path) => new(label, $"{origin.Value}{path}");
}
