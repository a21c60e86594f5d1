#!/bin/sh
# Writes EF Core's model of all three databases as code (Providers/*/CompiledModel), so that no start has to build it:  src/Activate.Identity.Data/compile-models.sh
# Needed after a change of entities, of their mapping or of EF Core's version; add-migration.sh does it too. Needs no database server. A test tells when it was forgotten.
set -eu
cd "$(dirname "$0")"
dotnet tool restore >/dev/null
# The old ones may name what is no longer there.
rm -rf Providers/*/CompiledModel
dotnet build -v q -nologo
for provider in Sqlite SqlServer PostgreSql; do
    dotnet ef dbcontext optimize --no-build --context "${provider}ActivateDbContext" --output-dir "Providers/$provider/CompiledModel" >/dev/null
done
