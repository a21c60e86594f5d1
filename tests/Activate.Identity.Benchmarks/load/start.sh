#!/usr/bin/env bash
# The start of the server as it is shipped: from the command to the first answer of /health/ready, its processor time until then, and what is resident after 30 idle seconds.
#   tests/Activate.Identity.Benchmarks/load/start.sh [STARTS=5]
# In Production, on one core, with an SQLite database that exists and a key ring under a certificate. Needs openssl. Prints Markdown.
set -euo pipefail
cd "$(dirname "$0")/../../.."
starts=${1:-5}
work=$(mktemp -d)
server=
cleanup() {
    [ -z "$server" ] || { kill "$server" 2>/dev/null; wait "$server" 2>/dev/null; } || true
    rm -rf "$work"
}
trap cleanup EXIT

echo "publishing ..." >&2
dotnet publish src/Activate.Identity.Server -c Release -v q -nologo -m:1 --use-current-runtime --self-contained false -p:PublishReadyToRun=true -o "$work/server" >/dev/null
export KeyRing__CertificatePath="$work/ring.pfx" KeyRing__CertificatePassword; KeyRing__CertificatePassword=$(openssl rand -hex 16)
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=ring -keyout "$work/ring.key" -out "$work/ring.crt" 2>/dev/null
openssl pkcs12 -export -inkey "$work/ring.key" -in "$work/ring.crt" -passout env:KeyRing__CertificatePassword -out "$work/ring.pfx"
export ASPNETCORE_ENVIRONMENT=Production Data__Folder="$work/data" Server__PublicOrigin=http://localhost:5090 Urls=http://127.0.0.1:5090

start() {
    local from; from=$(date +%s%N)
    taskset -c 1 dotnet "$work/server/Activate.Identity.Server.dll" >"$work/log" 2>&1 & server=$!
    until curl -sf -m 5 -o /dev/null http://127.0.0.1:5090/health/ready; do
        kill -0 "$server" 2>/dev/null || { cat "$work/log" >&2; exit 1; }
        sleep 0.01
    done
    answered=$((($(date +%s%N) - from) / 1000000))
    # /proc/PID/stat: utime and stime, in hundredths of a second.
    cpu=$(awk '{ print ($14 + $15) * 10 }' "/proc/$server/stat")
}
stop() {
    kill "$server"
    wait "$server" || true
    server=
}

echo "making the database ..." >&2
start; stop
echo "| start | first answer, ms | processor time, ms | resident after 30 s, MB |"
echo "|---:|---:|---:|---:|"
for number in $(seq "$starts"); do
    start
    sleep 30
    echo "| $number | $answered | $cpu | $(awk '/^Rss:/ { printf "%.1f", $2 / 1024 }' "/proc/$server/smaps_rollup") |"
    stop
done
