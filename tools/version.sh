#!/bin/sh
# version.sh release|api - the numbers of include/convis/convis.h, for Meson: 0.2.0, or the generation of the interface.
header=$(dirname "$0")/../include/convis/convis.h
number() { sed -n "s/^#define CONVIS_$1 *\([0-9][0-9]*\) *$/\1/p" "$header"; }
case $1 in
    release) echo "$(number VERSION_MAJOR).$(number VERSION_MINOR).$(number VERSION_PATCH)" ;;
    api) number API ;;
    *) exit 2 ;;
esac | grep -E '^[0-9]+(\.[0-9]+\.[0-9]+)?$'
