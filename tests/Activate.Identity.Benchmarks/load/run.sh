#!/usr/bin/env bash
# /me with keys and with tokens, and the SSH lookup, beside a bare Kestrel endpoint, in one run: the server on core 0, the load on core 1.
#   tests/Activate.Identity.Benchmarks/load/run.sh [KEYS=100000] [TOKENS=100000] [SECONDS=10]
# Needs wrk (Debian: apt-get install wrk) and two cores. Prints a Markdown table; requests per second are the median of three runs.
set -euo pipefail
cd "$(dirname "$0")/../../.."
keys=${1:-100000} tokens=${2:-100000} seconds=${3:-10}
command -v wrk >/dev/null || { echo "wrk is not installed: apt-get install wrk" >&2; exit 2; }
work=$(mktemp -d)
pids=()
cleanup() { for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done; wait 2>/dev/null || true; rm -rf "$work"; }
trap cleanup EXIT

echo "building and seeding $keys keys, $tokens tokens ..." >&2
dotnet build -c Release -v q -nologo tests/Activate.Identity.Benchmarks >/dev/null
bench=artifacts/bin/Activate.Identity.Benchmarks/release/Activate.Identity.Benchmarks.dll
server=artifacts/bin/Activate.Identity.Server/release/Activate.Identity.Server.dll
export Setup__Password="only for measuring, 8 walls"
dotnet "$bench" seed "$work/data" "$keys" "$tokens" "$work" >&2

taskset -c 0 dotnet "$bench" bare http://127.0.0.1:5091 >/dev/null & pids+=($!)
taskset -c 0 dotnet "$server" --environment Development --Data:Folder="$work/data" --Urls=http://127.0.0.1:5090 --Server:PublicOrigin=http://localhost:5090 >"$work/server.log" 2>&1 & pids+=($!)
for _ in $(seq 100); do curl -sf http://127.0.0.1:5090/health/ready >/dev/null && break; sleep 0.2; done

cpu() { awk '{ print $14 + $15 }' "/proc/$1/stat"; } # in hundredths of a second
measure() { # name, script, pool, size, url
    local runs=() pid before result
    pid=$([ "$2" = bare.lua ] && echo "${pids[0]}" || echo "${pids[1]}")
    for _ in 1 2 3; do
        before=$(cpu "$pid")
        result=$(POOL="$3" POOL_SIZE="$4" taskset -c 1 wrk -t1 -c16 -d"${seconds}s" -s "tests/Activate.Identity.Benchmarks/load/$2" "$5" | grep RESULT)
        runs+=("$result $(( $(cpu "$pid") - before ))")
    done
    printf '%s\n' "${runs[@]}" | sort -k2 -n | sed -n 2p
}
row() { # name, result, bare
    awk -v name="$1" -v bare="$3" -v secs="$seconds" '{ printf "| %s | %s | %.0f %% | %.1f | %.1f | %s |\n", name, $2, 100 * $2 / bare, $5 * 10000 / ($2 * secs), $3 / 1000, $4 }' <<<"$2"
}

echo "warming up ..." >&2
for pool in keys tokens; do
    POOL="$work/$pool.txt" POOL_SIZE=100000 taskset -c 1 wrk -t1 -c16 -d20s -s tests/Activate.Identity.Benchmarks/load/pool.lua http://127.0.0.1:5090 >/dev/null
done
CLUSTER=$(cat "$work/cluster.txt") POOL="$work/users.txt" POOL_SIZE=30000 taskset -c 1 wrk -t1 -c16 -d20s -s tests/Activate.Identity.Benchmarks/load/ssh.lua http://127.0.0.1:5090 >/dev/null
taskset -c 1 wrk -t1 -c16 -d5s http://127.0.0.1:5091 >/dev/null

bare=$(measure bare bare.lua /dev/null 0 http://127.0.0.1:5091)
bare_rps=$(awk '{print $2}' <<<"$bare")
echo "| requests | per second | of bare | CPU µs each | p99 ms | errors |"
echo "|---|---:|---:|---:|---:|---:|"
row "bare Kestrel endpoint" "$bare" "$bare_rps"
row "/me, random key of $keys" "$(measure k pool.lua "$work/keys.txt" "$keys" http://127.0.0.1:5090)" "$bare_rps"
row "/me, one of 100 keys" "$(measure k pool.lua "$work/keys.txt" 100 http://127.0.0.1:5090)" "$bare_rps"
row "/me, random token of $tokens" "$(measure k pool.lua "$work/tokens.txt" "$tokens" http://127.0.0.1:5090)" "$bare_rps"
row "authorized-keys, random user of 30000" "$(CLUSTER=$(cat "$work/cluster.txt") measure k ssh.lua "$work/users.txt" 30000 http://127.0.0.1:5090)" "$bare_rps"
row "/me, one of 100 tokens" "$(measure k pool.lua "$work/tokens.txt" 100 http://127.0.0.1:5090)" "$bare_rps"
