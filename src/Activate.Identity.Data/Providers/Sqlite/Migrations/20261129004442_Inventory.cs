using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Activate.Identity.Data.Providers.Sqlite.Migrations
{
    /// <inheritdoc />
    public partial class Inventory : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateIndex(
                name: "IX_Users_OrganizationId_Id",
                table: "Users",
                columns: new[] { "OrganizationId", "Id" },
                unique: true);

            migrationBuilder.CreateIndex(
                name: "IX_SshKeys_OwnerId_Id",
                table: "SshKeys",
                columns: new[] { "OwnerId", "Id" });

            migrationBuilder.CreateIndex(
                name: "IX_ApiKeys_OwnerId_Id",
                table: "ApiKeys",
                columns: new[] { "OwnerId", "Id" });
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "IX_Users_OrganizationId_Id",
                table: "Users");

            migrationBuilder.DropIndex(
                name: "IX_SshKeys_OwnerId_Id",
                table: "SshKeys");

            migrationBuilder.DropIndex(
                name: "IX_ApiKeys_OwnerId_Id",
                table: "ApiKeys");
        }
    }
}
