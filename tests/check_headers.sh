#!/bin/sh
# check_headers.sh INCLUDE CC... - every public header compiles alone, as C11 and as C++17, without a warning, and adds no name
# without convis_ or CONVIS_.
include=$1; shift
bad=0
strict='-Wall -Wextra -Wpedantic -Werror -fsyntax-only'
for header in "$include"/convis/*.h; do
    line="#include <convis/$(basename "$header")>"
    printf '%s\nint convis_alone;\n' "$line" | "$@" -std=c11 $strict -I"$include" -x c - || { echo "$header: not C11"; bad=1; }
    printf '%s\nint convis_alone;\n' "$line" | "$@" -std=c11 -DCONVIS_DOUBLE $strict -I"$include" -x c - ||
        { echo "$header: not C11 in double precision"; bad=1; }
    command -v c++ > /dev/null 2>&1 || { echo 'no C++ compiler'; continue; }
    printf '%s\nint main() { return 0; }\n' "$line" | c++ -std=c++17 $strict -I"$include" -x c++ - || { echo "$header: not C++17"; bad=1; }
done
python3 "$(dirname "$0")/public_names.py" "$include" "$@" || bad=1
exit $bad
