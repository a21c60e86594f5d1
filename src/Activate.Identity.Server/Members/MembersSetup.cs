namespace Activate.Identity.Server.Members;

/// <summary>The people of an organization: invitations, roles, disabling, leaving, and bringing many in at once.</summary>
public static class MembersSetup
{
    public static void AddMembers(this WebApplicationBuilder builder)
    {
        builder.Services.AddScoped<InvitationIssuer>();
        builder.Services.AddScoped<MemberRegistry>();
        builder.Services.AddScoped<PeopleImport>();
    }

    public static void MapMembers(this WebApplication app) => app.MapMembersApi();
}
