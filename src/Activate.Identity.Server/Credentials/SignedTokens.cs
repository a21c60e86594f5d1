namespace Activate.Identity.Server.Credentials;

/// <summary>
/// Tokens that are known to carry our signature, because this node wrote them or checked them before: a signature costs more to check than all the rest of an introspection.
/// The last 131,072 or so are known, by SHA-256 of the whole token; what is not known is checked again, so nobody is refused or accepted for what is in here.
/// </summary>
public sealed class SignedTokens
{
    private const int Places = 1 << 17;

    /// <summary>
    /// Two places for each token, 4 MB in all. They are read and written without a lock, eight bytes at a time: two writers may leave halves of two hashes, which is the
    /// hash of no token that anybody could find.
    /// </summary>
    private readonly CredentialHash[] _places = new CredentialHash[Places];

    public bool Contains(in CredentialHash hash)
    {
        var place = Place(hash);
        return _places[place] == hash || _places[place + 1] == hash;
    }

    /// <param name="hash">SHA-256 of a token that we signed: nothing else may come here.</param>
    public void Add(in CredentialHash hash)
    {
        var place = Place(hash);
        if (_places[place] == hash)
            return;
        _places[place + 1] = _places[place];
        _places[place] = hash;
    }

    // The bytes are uniform already.
    private static int Place(in CredentialHash hash) => (int)(hash.B % (Places / 2)) * 2;
}
