#!/bin/sh
# check_version.sh CONVIS LIBRARY VERSION CC... - the header, Meson, the command and the library's soname agree on the numbers.
convis=$1 library=$2 version=$3; shift 3
bad=0
same() { [ "$2" = "$3" ] || { echo "$1: found '$2', expected '$3'"; bad=1; }; }
include=$(dirname "$0")/../include
header=$(printf '#include <convis/convis.h>\nversion CONVIS_VERSION_MAJOR CONVIS_VERSION_MINOR CONVIS_VERSION_PATCH CONVIS_VERSION CONVIS_API\n' |
    "$@" -E -P -I"$include" - | grep '^version') || exit 1
set -- $header
same 'CONVIS_VERSION' "$(echo "$5 $6 $7 $8 $9" | tr -d '" ' )" "$2.$3.$4"
eval "api=\${$#}"
same 'meson' "$version" "$2.$3.$4"
same 'convis --version' "$("$convis" --version | head -1)" "convis $2.$3.$4"
same 'soname' "$(LC_ALL=C readelf -d "$library" | sed -n 's/.*(SONAME).*\[\(.*\)\]/\1/p')" "libconvis.so.$api"
exit $bad
