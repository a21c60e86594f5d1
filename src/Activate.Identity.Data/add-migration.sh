#!/bin/sh
# Adds one migration to all three databases, and compiles their models anew:  src/Activate.Identity.Data/add-migration.sh NAME
# Needs no database server. Look at the three generated files before you commit them.
set -eu
name=${1:?usage: add-migration.sh NAME}
cd "$(dirname "$0")"
./compile-models.sh
for provider in Sqlite SqlServer PostgreSql; do
    dotnet ef migrations add "$name" --no-build --context "${provider}ActivateDbContext" --output-dir "Providers/$provider/Migrations"
done
