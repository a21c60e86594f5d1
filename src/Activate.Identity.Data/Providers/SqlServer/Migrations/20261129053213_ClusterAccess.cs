using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Activate.Identity.Data.Providers.SqlServer.Migrations
{
    /// <inheritdoc />
    public partial class ClusterAccess : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<int>(
                name: "AccessMode",
                table: "Clusters",
                type: "int",
                nullable: false,
                defaultValue: 1);

            migrationBuilder.AddColumn<int>(
                name: "AllowedRoles",
                table: "Clusters",
                type: "int",
                nullable: false,
                defaultValue: 0);

            migrationBuilder.CreateTable(
                name: "ClusterAccounts",
                columns: table => new
                {
                    ClusterId = table.Column<Guid>(type: "uniqueidentifier", nullable: false),
                    UserId = table.Column<Guid>(type: "uniqueidentifier", nullable: false),
                    UnixName = table.Column<string>(type: "nvarchar(32)", maxLength: 32, nullable: false, collation: "Latin1_General_100_BIN2")
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_ClusterAccounts", x => new { x.ClusterId, x.UserId });
                    table.ForeignKey(
                        name: "FK_ClusterAccounts_Clusters_ClusterId",
                        column: x => x.ClusterId,
                        principalTable: "Clusters",
                        principalColumn: "Id",
                        onDelete: ReferentialAction.Restrict);
                    table.ForeignKey(
                        name: "FK_ClusterAccounts_Users_UserId",
                        column: x => x.UserId,
                        principalTable: "Users",
                        principalColumn: "Id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "ClusterUsers",
                columns: table => new
                {
                    ClusterId = table.Column<Guid>(type: "uniqueidentifier", nullable: false),
                    UserId = table.Column<Guid>(type: "uniqueidentifier", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_ClusterUsers", x => new { x.ClusterId, x.UserId });
                    table.ForeignKey(
                        name: "FK_ClusterUsers_Clusters_ClusterId",
                        column: x => x.ClusterId,
                        principalTable: "Clusters",
                        principalColumn: "Id",
                        onDelete: ReferentialAction.Restrict);
                    table.ForeignKey(
                        name: "FK_ClusterUsers_Users_UserId",
                        column: x => x.UserId,
                        principalTable: "Users",
                        principalColumn: "Id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateIndex(
                name: "IX_ClusterAccounts_ClusterId_UnixName",
                table: "ClusterAccounts",
                columns: new[] { "ClusterId", "UnixName" },
                unique: true);

            migrationBuilder.CreateIndex(
                name: "IX_ClusterAccounts_UserId",
                table: "ClusterAccounts",
                column: "UserId");

            migrationBuilder.CreateIndex(
                name: "IX_ClusterUsers_UserId",
                table: "ClusterUsers",
                column: "UserId");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "ClusterAccounts");

            migrationBuilder.DropTable(
                name: "ClusterUsers");

            migrationBuilder.DropColumn(
                name: "AccessMode",
                table: "Clusters");

            migrationBuilder.DropColumn(
                name: "AllowedRoles",
                table: "Clusters");
        }
    }
}
