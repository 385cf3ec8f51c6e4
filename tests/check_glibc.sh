#!/bin/sh
# check_glibc.sh FILE... - what is built here runs where glibc is older: no version of a symbol newer than 2.34 is asked for. A machine with a
# glibc newer than 2.36 has newer versions of symbols that cannot be avoided by how convis is written (docs/building.md).
newest=2.34
newer() { [ "$1" != "$2" ] && [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | tail -1)" = "$1" ]; }
here=$(getconf GNU_LIBC_VERSION 2> /dev/null | cut -d' ' -f2)
[ -n "$here" ] || { echo 'this is no glibc'; exit 77; }
newer "$here" 2.36 && { echo "glibc $here is newer than 2.36"; exit 77; }
bad=0
for file; do
    asked=$(LC_ALL=C objdump -T "$file") || exit 1
    for symbol in $(printf '%s\n' "$asked" | sed -n 's/.*\*UND\*.*(*GLIBC_\([0-9.]*\))* *\([A-Za-z_0-9]*\)$/\2@\1/p'); do
        if newer "${symbol#*@}" $newest; then echo "$file asks for $symbol, expected at most $newest"; bad=1; fi
    done
    printf '%s\n' "$asked" | grep -q GLIBC_ || { echo "$file asks for nothing of glibc"; bad=1; }
done
exit $bad
