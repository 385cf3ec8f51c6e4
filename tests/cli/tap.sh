# tap.sh - what transcripts share; read by them with the command as $1. Prints TAP; the transcript ends with: echo "1..$count"
#
#   yes NAME COMMAND...           the command succeeds
#   no  NAME STATUS TEXT COMMAND...   it fails with that status, and with one sentence that contains TEXT
#   is  NAME COMMAND...           what it says does not matter, only whether it succeeds
#
# Every command runs in a folder of its own; its outputs are in ./out and ./err.
#
# In a build without one of the optional parts, what needs it is skipped: a command that says so, and what fails for want of a file
# that a skipped command would have made.

case $1 in /*) convis=$1 ;; *) convis=$PWD/$1 ;; esac
data=$(cd "$(dirname "$0")" && pwd)/../data
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
convis() { "$convis" "$@"; }
export CONVIS_DEVICE=cpu CONVIS_CACHE="$work/kernels"      # exact answers; what is compiled stays here
count=0

ok()     { count=$((count + 1)); echo "ok $count - $1"; }
skip()   { count=$((count + 1)); echo "ok $count - $1 # SKIP $2"; }
is()     { name=$1; shift; if "$@" > /dev/null 2>&1; then ok "$name"; else not_ok "$name" "$@"; fi; }

# not_ok NAME [COMMAND...]
not_ok() {
    failed=$1; shift
    if [ -n "$lacking" ] && lacks "$@"; then skipped=1; skip "$failed" "$lack"; return; fi
    count=$((count + 1))
    echo "not ok $count - $failed"
    sed 's/^/# /' err out 2>/dev/null | head -20
}

lacking=$(convis --version | sed -n 's/^without //p') lack= unmade= skipped=
if [ -n "$lacking" ]; then
    convis() {                                             # also where only later cases show what became of it
        "$convis" "$@" 2> said
        status=$?
        cat said >&2
        [ $status -eq 0 ] || ! grep -q 'this build has no ' said || lacks_by said "$@"
        return $status
    }
fi
lacks() { lacks_by err "$@"; }
# lacks_by FILE COMMAND...: does it fail for want of a part, or of what would have been made with it? Then so does what it would make.
lacks_by() {
    sentence=$(grep -h 'this build has no ' "$1" 2> /dev/null); shift
    if [ -n "$sentence" ]; then lack=${sentence#*this build has }; lack="the build has ${lack%%:*}"
    else waits_for_unmade "$@" || return 1; fi
    for word in $(printf '%s ' "$@" | tr -c 'A-Za-z0-9._/-' ' '); do
        case $word in *?.?*) [ -e "$word" ] || unmade="$unmade $word" ;; esac
    done
}
waits_for_unmade() {
    [ -z "$skipped" ] || return 0                          # it looks at what the last command did, which was skipped
    for file in $unmade; do
        [ -e "$file" ] || case "$*" in *"$file"*) return 0 ;; esac
    done
    return 1
}

yes() {
    name=$1 skipped=; shift
    if "$@" > out 2> err; then ok "$name"; else not_ok "$name" "$@"; fi
}

no() {
    name=$1 want=$2 text=$3 skipped=; shift 3
    "$@" > out 2> err
    status=$?
    sentences=$(grep -c '^convis: ' err)
    warnings=$(grep -c '^convis: warning: ' err)
    if [ $status -eq "$want" ] && [ $((sentences - warnings)) -eq 1 ] && grep -qF -- "$text" err; then ok "$name"
    else not_ok "$name" "$@"; echo "# exit status $status, expected $want and: $text"; fi
}
