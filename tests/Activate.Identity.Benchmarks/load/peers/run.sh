#!/usr/bin/env bash
# Our server beside others in one run: the servers on core 0, the load on core 1. See README.md.
#   PEERS_DIR=…/peers tests/Activate.Identity.Benchmarks/load/peers/run.sh [options of its bench.mjs]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
: "${PEERS_DIR:?the folder with the peers, their run.sh and bench.mjs}"
# Not below the folder of bench.mjs, as it would be: the bare Kestrel server that runs there watches every file beneath for changes, and takes a seventh of the core from whoever writes much.
export RUN_DIR="${RUN_DIR:-${TMPDIR:-/tmp}/peers-run}"
export OURS="${OURS:-$RUN_DIR/ours-server/Activate.Identity.Server.dll}"
if [[ ! -e $OURS || -n "${PUBLISH:-}" ]]; then
  echo "== dotnet publish ours" >&2
  dotnet publish -c Release -v q -nologo -m:1 --use-current-runtime --self-contained false -p:PublishReadyToRun=true -o "$(dirname "$OURS")" "$here/../../../../src/Activate.Identity.Server" >&2
fi
export EXTRA="$here/ours.mjs:$here/oidc-refresh.mjs${EXTRA:+:$EXTRA}"
exec "$PEERS_DIR/run.sh" "$@"
