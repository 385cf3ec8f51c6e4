#!/bin/sh
# sanitizers.sh - the tests once more under the address, undefined behaviour and leak sanitizers, in single precision. Not those of
# suite `numeric`: they run what others run, only longer.
. "$(dirname "$0")/common.sh"
say 'under sanitizers'
configure build/asan -Ddouble=false -Db_sanitize=address,undefined -Db_lundef=false -Doptimization=1 -Ddebug=true &&
    build build/asan meson-test-prereq &&
    tests build/asan -t 4 --no-suite long --no-suite source --no-suite numeric
