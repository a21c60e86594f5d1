using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Activate.Identity.Data.Providers.Sqlite.Migrations
{
    /// <inheritdoc />
    public partial class ClusterReportsAndBundles : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<string>(
                name: "LastUsedOn",
                table: "SshKeys",
                type: "TEXT",
                maxLength: 128,
                nullable: true);

            migrationBuilder.AddColumn<byte[]>(
                name: "BundleHash",
                table: "Clusters",
                type: "BLOB",
                maxLength: 32,
                nullable: true);

            migrationBuilder.AddColumn<long>(
                name: "BundleSerial",
                table: "Clusters",
                type: "INTEGER",
                nullable: false,
                defaultValue: 0L);

            migrationBuilder.AddColumn<DateTime>(
                name: "LastReportAt",
                table: "Clusters",
                type: "TEXT",
                nullable: true);

            migrationBuilder.AddColumn<DateTime>(
                name: "ReportsSince",
                table: "Clusters",
                type: "TEXT",
                nullable: true);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropColumn(
                name: "LastUsedOn",
                table: "SshKeys");

            migrationBuilder.DropColumn(
                name: "BundleHash",
                table: "Clusters");

            migrationBuilder.DropColumn(
                name: "BundleSerial",
                table: "Clusters");

            migrationBuilder.DropColumn(
                name: "LastReportAt",
                table: "Clusters");

            migrationBuilder.DropColumn(
                name: "ReportsSince",
                table: "Clusters");
        }
    }
}
