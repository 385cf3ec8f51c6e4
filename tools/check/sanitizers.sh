#!/bin/sh
# sanitizers.sh - the tests once more under the address, undefined behaviour and leak sanitizers, and a few thousand inputs to every
# fuzz target: one build by clang, in single precision, with plain kernels alone (vectors.sh has the others). Not the tests of suite
# `numeric`: they run what others run, only longer; those of suite `trials` at length alone. No driver for OpenCL is loaded: PoCL brings
# another LLVM into the process, whose leaks and faults are not ours; devices are the stand-ins of tests/.
. "$(dirname "$0")/common.sh"
say 'under sanitizers, and fuzzing'
except='--no-suite trials' needed='quick fuzzers'
[ -n "$CONVIS_TEST_LONG" ] && except= needed=meson-test-prereq
mkdir -p build/no_drivers
export OCL_ICD_VENDORS="$PWD/build/no_drivers" CONVIS_TEST_DEVICE=none
unset CONVIS_FUZZ_SECONDS
sanitizer_build && build build/asan $needed && tests build/asan -t 4 --no-suite long --no-suite source --no-suite numeric $except
