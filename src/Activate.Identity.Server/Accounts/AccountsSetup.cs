namespace Activate.Identity.Server.Accounts;

public static class AccountsSetup
{
    public static void AddAccounts(this WebApplicationBuilder builder) => builder.Services.AddOptions();
}
