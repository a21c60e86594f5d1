using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Activate.Identity.Data.Providers.PostgreSql.Migrations
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
                type: "character varying(128)",
                maxLength: 128,
                nullable: true);

            migrationBuilder.AddColumn<byte[]>(
                name: "BundleHash",
                table: "Clusters",
                type: "bytea",
                maxLength: 32,
                nullable: true);

            migrationBuilder.AddColumn<long>(
                name: "BundleSerial",
                table: "Clusters",
                type: "bigint",
                nullable: false,
                defaultValue: 0L);

            migrationBuilder.AddColumn<DateTime>(
                name: "LastReportAt",
                table: "Clusters",
                type: "timestamp with time zone",
                nullable: true);

            migrationBuilder.AddColumn<DateTime>(
                name: "ReportsSince",
                table: "Clusters",
                type: "timestamp with time zone",
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
