#!/usr/bin/env bash
# What the helper adds to a login: the same sshd with a plain authorized_keys file and with actid, in turn, in one run. Then what a hundred connections with six wrong keys each do to other clusters.
#   tests/Activate.Identity.Benchmarks/load/ssh-login.sh [USERS=100000] [LOGINS=300]
# As root, on a machine that is no cluster's host (it writes /etc/actid, two PAM settings and two Unix accounts, and takes them away again), with two cores, clang and openssh-server.
# The server runs on core 0, sshd, ssh and actid on core 1. Prints Markdown.
set -euo pipefail
cd "$(dirname "$0")/../../.."
users=${1:-100000} logins=${2:-300}
[ "$(id -u)" = 0 ] || { echo "sshd logs people in only as root" >&2; exit 2; }
[ ! -e /etc/actid ] || { echo "/etc/actid is here already: this is a cluster's host" >&2; exit 2; }
command -v clang >/dev/null || { echo "clang is not installed: apt-get install clang zlib1g-dev" >&2; exit 2; }
work=$(mktemp -d /var/lib/activate-load-XXXXXX) # sshd runs no command below /tmp
chmod 755 "$work"
pids=()
cleanup() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    userdel activate-load 2>/dev/null || true
    userdel activate-file 2>/dev/null || true
    rm -rf "$work" /etc/actid /etc/pam.d/activate-load-file /etc/pam.d/activate-load-actid
}
trap cleanup EXIT

echo "building, seeding $users users with three keys each ..." >&2
dotnet publish src/Activate.Identity.Cli -c Release -r linux-x64 -p:Native=true -o "$work/bin" -v q -nologo >/dev/null
dotnet build -c Release -v q -nologo tests/Activate.Identity.Benchmarks >/dev/null
mkdir "$work/keys"
ssh-keygen -q -t ed25519 -N '' -f "$work/keys/right"
for i in 1 2 3 4 5 6; do ssh-keygen -q -t ed25519 -N '' -f "$work/keys/wrong$i"; done
export Setup__Password="only for measuring, 8 walls"
dotnet artifacts/bin/Activate.Identity.Benchmarks/release/Activate.Identity.Benchmarks.dll seed "$work/data" 0 0 "$work" "$users" "$(cat "$work/keys/right.pub")" >&2
taskset -c 0 dotnet artifacts/bin/Activate.Identity.Server/release/Activate.Identity.Server.dll \
    --environment Development --Data:Folder="$work/data" --Urls=http://127.0.0.1:5090 --Server:PublicOrigin=http://localhost:5090 >"$work/server.log" 2>&1 & pids+=($!)
for _ in $(seq 100); do curl -sf http://127.0.0.1:5090/health/ready >/dev/null && break; sleep 0.2; done

install -d -m 755 /etc/actid
install -m 600 "$work/cluster.txt" /etc/actid/cluster-key
for account in activate-load activate-file; do useradd --no-create-home --home-dir "$work" --shell /bin/sh --password '*' "$account"; done
printf '%s\n' 'account required pam_permit.so' 'session required pam_permit.so' >/etc/pam.d/activate-load-file
printf '%s\n' 'account required pam_permit.so' "session optional pam_exec.so type=open_session quiet $work/bin/actid cluster report-login" 'session required pam_permit.so' >/etc/pam.d/activate-load-actid
install -m 644 "$work/keys/right.pub" "$work/authorized_keys"
mkdir -p /run/sshd
ssh-keygen -q -t ed25519 -N '' -f "$work/host_key"
# As systemd starts sshd, and most else. pam_exec(8) closes each number below this limit, open or not: with 20,000 that is most of a login.
ulimit -n 1024
start_sshd() { # name, port, lines of keys
    cp /usr/sbin/sshd "$work/activate-load-$1"
    cat >"$work/$1.conf" <<CONFIG
Port $2
ListenAddress 127.0.0.1
HostKey $work/host_key
PidFile none
UsePAM yes
PasswordAuthentication no
KbdInteractiveAuthentication no
PrintMotd no
MaxStartups 300
$3
CONFIG
    taskset -c 1 "$work/activate-load-$1" -D -e -f "$work/$1.conf" 2>"$work/$1.log" & pids+=($!)
}
start_sshd file 5093 "AuthorizedKeysFile $work/authorized_keys"
start_sshd actid 5094 "AuthorizedKeysFile none
AuthorizedKeysCommand $work/bin/actid authorized-keys --uid %U --expiry-time --fingerprint %f -- %u
AuthorizedKeysCommandUser root"
sleep 1

login() { # port, account, further options
    local port=$1 account=$2
    shift 2
    taskset -c 1 ssh -F none -p "$port" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o IdentitiesOnly=yes -o IdentityAgent=none -o BatchMode=yes -o LogLevel=ERROR "$@" "$account@127.0.0.1" true
}
timed() { local from=$EPOCHREALTIME; login "$@" -i "$work/keys/right"; local to=$EPOCHREALTIME; echo $(( ${to/./} - ${from/./} )); }
for _ in $(seq 20); do timed 5093 activate-file >/dev/null; timed 5094 activate-load >/dev/null; done
for i in $(seq "$logins"); do
    timed 5093 activate-file >>"$work/file.times"
    timed 5094 activate-load >>"$work/actid.times"
    [ $((i % 50)) != 0 ] || echo "$i logins" >&2
done
at() { sort -n "$work/$1.times" | awk -v p="$2" '{ v[NR] = $1 } END { i = int(NR * p + 0.999999); print v[i < 1 ? 1 : i] / 1000 }'; }
echo "| a login, $logins each, $users users with 3 keys stored | median ms | 99 % ms |"
echo "|---|---:|---:|"
echo "| a plain authorized_keys file | $(at file 0.5) | $(at file 0.99) |"
echo "| actid, with the report of the session | $(at actid 0.5) | $(at actid 0.99) |"
awk -v a="$(at actid 0.5)" -v b="$(at file 0.5)" -v c="$(at actid 0.99)" -v d="$(at file 0.99)" 'BEGIN { printf "| added | %.1f | %.1f |\n\n", a - b, c - d }'

# Look-ups of another cluster, fifty a second, before and during the storm.
other() { # file
    local key
    key=$(cat "$work/other-cluster.txt")
    for i in $(seq 300); do echo "url = \"http://127.0.0.1:5090/api/v1/authorized-keys/user$((i * 37 % users))\""; echo 'output = "/dev/null"'; done >"$work/urls"
    taskset -c 0 curl -s --rate 50/s -H "Host: localhost:5090" -H "Authorization: Bearer $key" -w '%{http_code} %{time_total}\n' -K "$work/urls" | awk '$1 == 200 { print int($2 * 1000000) } $1 != 200 { print "status " $1 > "/dev/stderr" }' >"$work/$1.times"
}
other calm
wrong=()
for i in 1 2 3 4 5 6; do wrong+=(-i "$work/keys/wrong$i"); done
other storm & sampling=$!
from=$EPOCHREALTIME
storm=()
for _ in $(seq 100); do login 5094 activate-load "${wrong[@]}" >/dev/null 2>&1 & storm+=($!); done
refused=0
for pid in "${storm[@]}"; do wait "$pid" || refused=$((refused + 1)); done
to=$EPOCHREALTIME
wait "$sampling"
echo "| look-ups of another cluster, 50 a second | median ms | 99 % ms |"
echo "|---|---:|---:|"
echo "| alone | $(at calm 0.5) | $(at calm 0.99) |"
echo "| while 100 connections offer 6 wrong keys each ($refused refused, in $(( (${to/./} - ${from/./}) / 1000000 )) s) | $(at storm 0.5) | $(at storm 0.99) |"
