#!/bin/sh
# fuzz.sh - any bytes to every parser that the project wrote, for CONVIS_FUZZ_SECONDS each.
. "$(dirname "$0")/common.sh"
say 'fuzzing'
command -v clang > /dev/null 2>&1 || { echo 'left out: there is no clang'; exit 0; }
sanitizer_build && build build/asan fuzzers && tests build/asan -t 0 --suite fuzz
