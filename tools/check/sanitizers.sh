#!/bin/sh
# sanitizers.sh - the tests once more under the address, undefined behaviour and leak sanitizers, and a few thousand inputs to every
# fuzz target: one build by clang, in single precision, with plain kernels alone (vectors.sh has the others). Not the tests of suite
# `numeric`: they run what others run, only longer.
. "$(dirname "$0")/common.sh"
say 'under sanitizers, and fuzzing'
unset CONVIS_FUZZ_SECONDS
sanitizer_build && build build/asan meson-test-prereq && tests build/asan -t 4 --no-suite long --no-suite source --no-suite numeric
