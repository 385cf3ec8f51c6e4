#!/bin/sh
# check_symbols.sh LIBRARY - what the shared library shows to the linker begins with convis_, and is in a public header.
symbols=$(nm -D --defined-only "$1" | awk '{ print $NF }' | sed 's/@.*//') || exit 1
[ -n "$symbols" ] || { echo "$1 shows nothing"; exit 1; }
others=$(printf '%s\n' "$symbols" | grep -v '^convis_')
[ -z "$others" ] || { printf 'these do not begin with convis_:\n%s\n' "$others"; exit 1; }
include=$(dirname "$0")/../include/convis
for symbol in $symbols; do
    grep -qw "$symbol" "$include"/*.h || { echo "$symbol is in no public header"; bad=1; }
done
exit ${bad:-0}
