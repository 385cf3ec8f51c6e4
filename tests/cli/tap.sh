# tap.sh - what transcripts share; read by them with the command as $1. Prints TAP; the transcript ends with: echo "1..$count"
#
#   yes NAME COMMAND...           the command succeeds
#   no  NAME STATUS TEXT COMMAND...   it fails with that status, and with one sentence that contains TEXT
#   is  NAME COMMAND...           what it says does not matter, only whether it succeeds
#
# Every command runs in a folder of its own; its outputs are in ./out and ./err.

case $1 in /*) convis=$1 ;; *) convis=$PWD/$1 ;; esac
data=$(cd "$(dirname "$0")" && pwd)/../data
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
convis() { "$convis" "$@"; }
export CONVIS_DEVICE=cpu CONVIS_CACHE="$work/kernels"      # exact answers; what is compiled stays here
count=0

ok()     { count=$((count + 1)); echo "ok $count - $1"; }
not_ok() { count=$((count + 1)); echo "not ok $count - $1"; sed 's/^/# /' err out 2>/dev/null | head -20; }
skip()   { count=$((count + 1)); echo "ok $count - $1 # SKIP $2"; }
is()     { name=$1; shift; if "$@" > /dev/null 2>&1; then ok "$name"; else not_ok "$name"; fi; }

yes() {
    name=$1; shift
    if "$@" > out 2> err; then ok "$name"; else not_ok "$name"; fi
}

no() {
    name=$1 want=$2 text=$3; shift 3
    "$@" > out 2> err
    status=$?
    sentences=$(grep -c '^convis: ' err)
    warnings=$(grep -c '^convis: warning: ' err)
    if [ $status -eq "$want" ] && [ $((sentences - warnings)) -eq 1 ] && grep -qF -- "$text" err; then ok "$name"
    else not_ok "$name"; echo "# exit status $status, expected $want and: $text"; fi
}
