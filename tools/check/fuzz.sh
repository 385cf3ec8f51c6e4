#!/bin/sh
# fuzz.sh - any bytes to every parser that the project wrote, for CONVIS_FUZZ_SECONDS each.
. "$(dirname "$0")/common.sh"
say 'fuzzing'
command -v clang > /dev/null 2>&1 || { echo 'fuzzing is left out: there is no clang'; exit 0; }
CC=clang configure build/fuzz -Dfuzz=true -Ddouble=false -Db_sanitize=address,undefined -Db_lundef=false -Doptimization=1 &&
    build build/fuzz meson-test-prereq && tests build/fuzz ${CONVIS_FUZZ_CORPUS:+-t 0}
