using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Activate.Identity.Data.Providers.SqlServer.Migrations
{
    /// <inheritdoc />
    public partial class DeviceCodesSayTheirRequest : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "IX_DeviceRequests_DeviceCodeHash",
                table: "DeviceRequests");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateIndex(
                name: "IX_DeviceRequests_DeviceCodeHash",
                table: "DeviceRequests",
                column: "DeviceCodeHash",
                unique: true);
        }
    }
}
