using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Activate.Identity.Data.Providers.SqlServer.Migrations
{
    /// <inheritdoc />
    public partial class AuditLog : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "IX_AuditEvents_OrganizationId_At",
                table: "AuditEvents");

            migrationBuilder.AddColumn<string>(
                name: "After",
                table: "AuditEvents",
                type: "nvarchar(2048)",
                maxLength: 2048,
                nullable: true,
                collation: "Latin1_General_100_BIN2");

            migrationBuilder.AddColumn<string>(
                name: "Before",
                table: "AuditEvents",
                type: "nvarchar(2048)",
                maxLength: 2048,
                nullable: true,
                collation: "Latin1_General_100_BIN2");

            migrationBuilder.AddColumn<Guid>(
                name: "OwnerId",
                table: "AuditEvents",
                type: "uniqueidentifier",
                nullable: true);

            migrationBuilder.CreateTable(
                name: "AuditPersons",
                columns: table => new
                {
                    UserId = table.Column<Guid>(type: "uniqueidentifier", nullable: false),
                    OrganizationId = table.Column<Guid>(type: "uniqueidentifier", nullable: false),
                    Username = table.Column<string>(type: "nvarchar(32)", maxLength: 32, nullable: true, collation: "Latin1_General_100_BIN2")
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_AuditPersons", x => x.UserId);
                });

            migrationBuilder.CreateTable(
                name: "AuditWords",
                columns: table => new
                {
                    EventId = table.Column<Guid>(type: "uniqueidentifier", nullable: false),
                    PersonId = table.Column<Guid>(type: "uniqueidentifier", nullable: false),
                    Text = table.Column<string>(type: "nvarchar(512)", maxLength: 512, nullable: false, collation: "Latin1_General_100_BIN2")
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_AuditWords", x => x.EventId);
                    table.ForeignKey(
                        name: "FK_AuditWords_AuditEvents_EventId",
                        column: x => x.EventId,
                        principalTable: "AuditEvents",
                        principalColumn: "Id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateIndex(
                name: "IX_AuditEvents_OrganizationId_At_Id",
                table: "AuditEvents",
                columns: new[] { "OrganizationId", "At", "Id" });

            migrationBuilder.CreateIndex(
                name: "IX_AuditEvents_OwnerId_At",
                table: "AuditEvents",
                columns: new[] { "OwnerId", "At" });

            migrationBuilder.CreateIndex(
                name: "IX_AuditPersons_OrganizationId_Username",
                table: "AuditPersons",
                columns: new[] { "OrganizationId", "Username" });

            migrationBuilder.CreateIndex(
                name: "IX_AuditWords_PersonId",
                table: "AuditWords",
                column: "PersonId");

            // Those who are there already are named in events, too.
            migrationBuilder.Sql("""INSERT INTO "AuditPersons" ("UserId", "OrganizationId", "Username") SELECT "Id", "OrganizationId", "UserName" FROM "Users";""");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "AuditPersons");

            migrationBuilder.DropTable(
                name: "AuditWords");

            migrationBuilder.DropIndex(
                name: "IX_AuditEvents_OrganizationId_At_Id",
                table: "AuditEvents");

            migrationBuilder.DropIndex(
                name: "IX_AuditEvents_OwnerId_At",
                table: "AuditEvents");

            migrationBuilder.DropColumn(
                name: "After",
                table: "AuditEvents");

            migrationBuilder.DropColumn(
                name: "Before",
                table: "AuditEvents");

            migrationBuilder.DropColumn(
                name: "OwnerId",
                table: "AuditEvents");

            migrationBuilder.CreateIndex(
                name: "IX_AuditEvents_OrganizationId_At",
                table: "AuditEvents",
                columns: new[] { "OrganizationId", "At" });
        }
    }
}
