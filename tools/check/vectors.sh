#!/bin/sh
# vectors.sh - the tests under the sanitizers of gcc, with the kernels of every instruction set.
. "$(dirname "$0")/common.sh"
say 'under sanitizers, every instruction set'
configure build/vectors -Ddouble=false -Db_sanitize=address,undefined -Db_lundef=false -Doptimization=1 -Ddebug=true &&
    build build/vectors meson-test-prereq &&
    tests build/vectors -t 4 --no-suite long --no-suite source --no-suite numeric
