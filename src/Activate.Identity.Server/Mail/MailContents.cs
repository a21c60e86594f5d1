using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.AspNetCore.DataProtection;

namespace Activate.Identity.Server.Mail;

/// <summary>What waits to be sent to one address.</summary>
public sealed record AddressedLetter(string Address, Letter Letter)
{
    /// <summary>Holds an address, and maybe a code: not to be printed.</summary>
    public override string ToString() => Letter.Subject;
}

/// <summary>How mail lies in the database: under the ring, for links in it work for whoever reads them.</summary>
public sealed class MailContents(IDataProtectionProvider protection)
{
    private readonly IDataProtector _protector = protection.CreateProtector("mail");

    public byte[] Protect<T>(T content) => _protector.Protect(JsonSerializer.SerializeToUtf8Bytes(content));

    /// <summary>Null: it was protected by a ring that is gone, and nobody can read it any more.</summary>
    public T? Unprotect<T>(byte[] content) where T : class
    {
        try
        {
            return JsonSerializer.Deserialize<T>(_protector.Unprotect(content));
        }
        catch (CryptographicException)
        {
            return null;
        }
    }
}
