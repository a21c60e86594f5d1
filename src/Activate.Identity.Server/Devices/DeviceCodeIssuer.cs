using System.Data.Common;
using System.Globalization;
using System.Text;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Devices;
using Activate.Identity.Core.Errors;
using Activate.Identity.Core.Expiration;
using Activate.Identity.Data;
using Activate.Identity.Data.Devices;
using Activate.Identity.Server.Keys;
using Activate.Identity.Server.Web;

namespace Activate.Identity.Server.Devices;

/// <summary>A device authorization response (RFC 8628 §3.2) in the making.</summary>
/// <param name="DeviceCode">Stored as SHA-256.</param>
/// <param name="UserCode">As shown, with the dash; stored as HMAC.</param>
/// <param name="ExpiresIn">Seconds.</param>
/// <param name="Interval">Seconds between polls.</param>
public sealed record DeviceCodes(DeviceCode DeviceCode, string UserCode, int ExpiresIn, int Interval)
{
    public string VerificationUri(PublicOrigin origin) => $"{origin.Value}/device";

    public string VerificationUriComplete(PublicOrigin origin) => $"{origin.Value}/device?user_code={UserCode}";

    public override string ToString() => $"{DeviceCode}";
}

/// <summary>What a device says of itself and wishes for, beside the standard's parameters.</summary>
/// <param name="Name">What it calls itself; null when it does not.</param>
/// <param name="Hours">How long its login is to last, 1 to 24; null without a wish.</param>
internal sealed record DeviceWishes(string? Name, int? Hours)
{
    /// <summary>Reads the parameters. RFC 6749 §3.2: one without a value counts as left out. The code of a problem is RFC 6749's.</summary>
    public static Result<DeviceWishes> Parse(string? name, string? hours)
    {
        string? called = null;
        if (!string.IsNullOrEmpty(name) && !CredentialName.Parse(name, "device_name").TryGet(out called, out var problem))
            return Refusal($"device_name: {problem.Detail}");
        if (string.IsNullOrEmpty(hours))
            return new DeviceWishes(called, null);
        return int.TryParse(hours, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number is >= 1 and <= Policy.LongestTokenHours
            ? new DeviceWishes(called, number)
            : Refusal($"lifetime_hours is a whole number of hours from 1 to {Policy.LongestTokenHours}.");
    }

    private static Problem Refusal(string detail) => new(ProblemKind.Invalid, "invalid_request", detail);
}

/// <summary>Makes device codes and user codes.</summary>
internal sealed class DeviceCodeIssuer(QueuedInsert<DeviceRequest> requests, WaitingDevices waiting, ServerKeys keys, TimeProvider clock)
{
    public const int Interval = 5;

    private static readonly Problem s_tooMany = new(ProblemKind.TooMany, "too_many_device_requests", "Too many device logins are waiting to be approved. Try again in a minute.") { RetryAfter = TimeSpan.FromMinutes(1) };

    public static byte[] Hash(ServerKeys keys, string userCode) => keys.HashCode(Encoding.ASCII.GetBytes(userCode));

    /// <param name="clientId">Who asks; validated.</param>
    /// <param name="scopes">Validated, space-separated.</param>
    /// <param name="wishes">What the device says of itself.</param>
    /// <param name="address">Where the request came from.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<Result<DeviceCodes>> IssueAsync(string clientId, string scopes, DeviceWishes wishes, string? address, CancellationToken cancellationToken)
    {
        var now = clock.Now();
        if (await waiting.AreTooManyAsync(address, now, cancellationToken))
            return s_tooMany;
        var deviceCode = DeviceCode.Generate(Guid.CreateVersion7(now));
        for (var attempt = 1; ; attempt++)
        {
            var userCode = UserCode.Generate();
            var request = new DeviceRequest
            {
                Id = deviceCode.Id,
                DeviceCodeHash = deviceCode.Hash,
                UserCodeHash = Hash(keys, userCode),
                ClientId = clientId,
                Scopes = scopes,
                DeviceName = wishes.Name,
                LifetimeWish = wishes.Hours,
                Address = address,
                CreatedAt = now,
                ExpiresAt = now + UserCode.Lifetime,
                Interval = Interval,
                Status = DeviceRequestStatus.Pending,
            };
            try
            {
                await requests.RunAsync(request, cancellationToken);
                return new DeviceCodes(deviceCode, UserCode.Display(userCode), (int)UserCode.Lifetime.TotalSeconds, Interval);
            }
            catch (DbException exception) when (DatabaseFaults.IsDuplicate(exception) && attempt < 5)
            {
                // The same user code is waiting already: one in 2^34.6 for each.
            }
        }
    }
}
